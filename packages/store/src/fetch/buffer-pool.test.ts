import { describe, expect, it } from "vitest";
import { BufferPool } from "./buffer-pool.js";

describe("a buffer pool", () => {
  it("gives a buffer of the length asked for, also of one byte and of more than it keeps", () => {
    const pool = new BufferPool(8 * 1024 * 1024);
    for (const lengthBytes of [1, 65_536, 65_537, 300_000, 1_048_576, 3_000_000]) {
      expect(pool.take(lengthBytes).bytes).toHaveLength(lengthBytes);
    }
  });

  it("hands the same memory on once its last holder has let go, and not before", () => {
    const pool = new BufferPool(1024 * 1024);
    const first = pool.take(100_000);
    first.hold();
    first.release();
    expect(pool.take(100_000).bytes.buffer).not.toBe(first.bytes.buffer);
    first.release();
    expect(pool.take(70_000).bytes.buffer).toBe(first.bytes.buffer);
  });

  it("keeps no more than it may", () => {
    const pool = new BufferPool(256 * 1024);
    const taken = Array.from({ length: 10 }, () => pool.take(128 * 1024));
    for (const buffer of taken) buffer.release();
    expect(pool.freeBytes).toBe(256 * 1024);
    const again = [pool.take(128 * 1024), pool.take(128 * 1024)];
    expect(pool.freeBytes).toBe(0);
    expect(new Set(again.map(({ bytes }) => bytes.buffer)).size).toBe(2);
  });

  it("refuses a holder who comes too late and one who lets go twice", () => {
    const buffer = new BufferPool(1024 * 1024).take(10);
    buffer.release();
    expect(() => buffer.hold()).toThrow(/somebody else's/);
    expect(() => buffer.release()).toThrow(/more often/);
  });
});
