import { describe, expect, it, vi } from "vitest";
import { claimsOf } from "../testing/chunks.js";
import { chunksFrom, countRight, putAll, useTestStore } from "../testing/test-store.js";
import { Segment } from "./segment.js";
import { minBudgetBytes } from "./segment-chunk-store.js";
import { SharedChunkReader } from "./shared-chunk-reader.js";

const test = useTestStore();

describe("the segment store and its budget", () => {
  it("never takes more than its budget, and keeps what came last", async () => {
    const budgetBytes = minBudgetBytes;
    const store = await test.open({ budgetBytes });
    const chunks = chunksFrom(0, 600);
    for (let i = 0; i < chunks.length; i += 10) {
      await putAll(store, chunks.slice(i, i + 10));
      expect(store.stats().bytes).toBeLessThanOrEqual(budgetBytes);
    }
    expect(store.stats().evictions).toBeGreaterThan(300);
    expect(await countRight(store, chunks.slice(-50))).toBe(50);
    expect(await countRight(store, chunks.slice(0, 100))).toBe(0);
    await store.close();
  });

  it("carries over what readers use again and again", async () => {
    const store = await test.open({ budgetBytes: minBudgetBytes });
    const hot = chunksFrom(10_000, 4);
    const { ids, lengths } = claimsOf(hot);
    const binding = await store.bind(ids, lengths);
    const reader = new SharedChunkReader(store.shared, store.addReader());
    await putAll(store, hot);
    const into = new Uint8Array(100);
    for (let i = 0; i < 600; i += 10) {
      await putAll(store, chunksFrom(i, 10));
      for (const slot of binding.slots) expect(reader.read(slot, 0, 100, into, 0)).toBe(100);
    }
    expect(store.stats().evictions).toBeGreaterThan(300);
    await store.close();
  });

  it("keeps all of a new image of a quarter of its budget, also where something of every segment is in use", async () => {
    const store = await test.open({ budgetBytes: 64 * 1024 * 1024 });
    const old = chunksFrom(0, 945); // all segments but one
    const image = chunksFrom(5000, 252);
    const { ids, lengths } = claimsOf(old);
    const binding = await store.bind(ids, lengths);
    for (const chunk of old) await store.put(chunk);
    const reader = new SharedChunkReader(store.shared, store.addReader());
    const used = old.flatMap((_, i) => (i % 60 === 0 ? [i] : [])); // one or two a segment
    for (const i of used) reader.read(binding.slots[i] ?? -1, 0, 16, new Uint8Array(16), 0);
    for (const chunk of image) await store.put(chunk);
    expect(await countRight(store, image)).toBe(image.length);
    expect(
      await countRight(
        store,
        used.flatMap((i) => old[i] ?? []),
      ),
    ).toBe(used.length);
    await store.close();
  });

  it("gives up segments of which the disk cannot read a chunk in use", async () => {
    const store = await test.open({ budgetBytes: minBudgetBytes });
    const old = chunksFrom(0, 180); // all segments but one
    const { ids, lengths } = claimsOf(old);
    const binding = await store.bind(ids, lengths);
    for (const chunk of old) await store.put(chunk);
    const reader = new SharedChunkReader(store.shared, store.addReader());
    for (const slot of binding.slots) reader.read(slot, 0, 16, new Uint8Array(16), 0);
    const read = vi.spyOn(Segment.prototype, "readRecord");
    read.mockRejectedValueOnce(Object.assign(new Error("EIO: i/o error, read"), { code: "EIO" }));
    for (const chunk of chunksFrom(1000, 120)) expect(await store.put(chunk)).toBe("stored");
    expect(read).toHaveBeenCalled();
    expect(store.stats()).toMatchObject({ damaged: 1, degraded: undefined });
    read.mockRestore();
    await store.close();
  });

  it("shrinks to a smaller budget when it is opened with one", async () => {
    let store = await test.open({ budgetBytes: 64 * 1024 * 1024 });
    await putAll(store, chunksFrom(0, 600));
    await store.close();
    store = await test.open({ budgetBytes: minBudgetBytes });
    expect(store.stats().bytes).toBeLessThanOrEqual(minBudgetBytes);
    expect(store.stats().chunks).toBeGreaterThan(50);
    await store.close();
  });

  it("refuses to bind more chunks than it has slots, and gives back those it took", async () => {
    const store = await test.open({ budgetBytes: minBudgetBytes, maxSlots: 3 });
    const { ids, lengths } = claimsOf(chunksFrom(0, 4, 100));
    await expect(store.bind(ids, lengths)).rejects.toMatchObject({ code: "TOO_MANY_CHUNKS" });
    await using binding = await store.bind(ids.subarray(0, 96), lengths.subarray(0, 3));
    expect(new Set(binding.slots).size).toBe(3);
    await store.close();
  });
});
