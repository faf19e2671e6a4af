import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { compress } from "zstd-napi";
import { DecompressionError, unpacked } from "./unpacked.js";

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all(bytes: Buffer, compression: "none" | "gzip" | "zstd", size = 1000): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of unpacked(pieces(bytes, size), compression)) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

const text = Buffer.from("some text that compresses well ".repeat(100_000));
const skippable = Buffer.from("502a4d1803000000aabbcc", "hex");

describe("unpacked", () => {
  it("unpacks gzip of several members, and zstd of several frames with skippable ones between", async () => {
    expect((await all(Buffer.concat([gzipSync(text), gzipSync("end")]), "gzip")).toString().endsWith("well end")).toBe(
      true,
    );
    const zstd = Buffer.concat([skippable, compress(text), skippable, compress(Buffer.from("end"))]);
    expect((await all(zstd, "zstd", 7)).equals(Buffer.concat([text, Buffer.from("end")]))).toBe(true);
  });

  it("holds a few pieces of what a small stream expands to, not all", async () => {
    const bomb = Buffer.concat(Array.from({ length: 200 }, () => compress(Buffer.alloc(10_000_000))));
    let total = 0;
    const before = process.memoryUsage().rss;
    for await (const piece of unpacked(pieces(bomb, bomb.length), "zstd")) {
      expect(piece.length).toBeLessThanOrEqual(512 * 1024);
      total += piece.length;
    }
    expect(total).toBe(2_000_000_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000);
  });

  it.each(["gzip", "zstd"] as const)("refuses %s that is cut off, empty or something else", async (compression) => {
    const whole = compression === "gzip" ? gzipSync(text) : compress(text);
    for (const bytes of [whole.subarray(0, whole.length - 3), Buffer.from("something else"), Buffer.alloc(0)]) {
      await expect(all(bytes, compression)).rejects.toThrow(DecompressionError);
    }
  });

  it("stops the source when the reader leaves", async () => {
    let stopped = false;
    async function* source(): AsyncGenerator<Buffer> {
      try {
        for (;;) yield gzipSync(text);
      } finally {
        stopped = true;
      }
    }
    for await (const piece of unpacked(source(), "gzip")) if (piece.length > 0) break;
    await new Promise((resolve) => setImmediate(resolve));
    expect(stopped).toBe(true);
  });
});
