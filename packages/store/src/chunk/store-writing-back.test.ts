import { cp, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { claimsOf, seededChunk } from "../testing/chunks.js";
import { chunksFrom, countRight, putAll, useTestStore } from "../testing/test-store.js";
import { Segment } from "./segment.js";
import { openChunkStore } from "./segment-chunk-store.js";
import { MISS, SharedChunkReader } from "./shared-chunk-reader.js";
import { readerView } from "./store-shared.js";

const test = useTestStore();

describe("the segment store and writing back", () => {
  const failSyncs = (times: number) => {
    const sync = vi.spyOn(Segment.prototype, "sync");
    for (let i = 0; i < times; i++)
      sync.mockRejectedValueOnce(Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" }));
    return sync;
  };
  afterEach(() => vi.restoreAllMocks());

  it("drops what was written since the last good sync when a sync fails, says so, and goes on elsewhere", async () => {
    const store = await test.open({
      budgetBytes: 64 * 1024 * 1024,
      maxSlots: 100,
      retryAfterMs: 1,
    });
    const safe = chunksFrom(0, 3);
    const lost = chunksFrom(10, 5);
    const { ids, lengths } = claimsOf([...safe, ...lost]);
    const binding = await store.bind(ids, lengths);
    const reader = new SharedChunkReader(store.shared, store.addReader());
    const hits = (): number[] =>
      [...binding.slots].map((slot) => (reader.read(slot, 0, 16, new Uint8Array(16), 0) === MISS ? 0 : 1));
    const sync = vi.spyOn(Segment.prototype, "sync");
    await putAll(store, safe);
    await expect.poll(() => sync.mock.calls.length, { timeout: 3000 }).toBe(1);
    await sync.mock.results[0]?.value;
    failSyncs(1);
    await putAll(store, lost);
    expect(hits()).toEqual([1, 1, 1, 1, 1, 1, 1, 1]);
    await expect.poll(() => store.stats().degraded, { timeout: 3000 }).toMatch(/lost what was written .*EIO/);
    expect(hits()).toEqual([1, 1, 1, 0, 0, 0, 0, 0]);
    await expect.poll(() => store.stats().chunks).toBe(3);
    for (const { id } of lost) expect(await store.has(id)).toBe(false);
    expect(await countRight(store, safe)).toBe(3);
    await putAll(store, lost);
    expect(store.stats().degraded).toBeDefined(); // a write proves nothing
    await expect.poll(() => store.stats().degraded, { timeout: 3000 }).toBeUndefined();
    expect(test.events.map(({ kind }) => kind)).toEqual(["degraded", "recovered"]);
    expect(await countRight(store, lost)).toBe(5);
    expect(await test.segmentFiles()).toHaveLength(2);
    await store.close();
  });

  it("gives up a segment of which nothing is safe", async () => {
    failSyncs(1);
    const store = await test.open();
    const chunks = chunksFrom(0, 3);
    await putAll(store, chunks);
    await expect.poll(() => store.stats().segments, { timeout: 3000 }).toBe(0);
    expect(await countRight(store, chunks)).toBe(0);
    await store.close();
  });

  it("does not let a put or a reader wait for a sync", async () => {
    let finish: () => void = () => undefined;
    const sync = vi.spyOn(Segment.prototype, "sync").mockImplementationOnce(
      () =>
        new Promise((resolve) => {
          finish = resolve;
        }),
    );
    const store = await test.open();
    await putAll(store, chunksFrom(0, 2));
    await expect.poll(() => sync.mock.calls.length, { timeout: 3000 }).toBe(1);
    expect(await store.put(seededChunk(3))).toBe("stored");
    expect(await countRight(store, [seededChunk(0), seededChunk(3)])).toBe(2);
    finish();
    await store.close();
    expect(sync.mock.calls.length).toBeGreaterThan(1);
  });

  it("cuts off what a sync lost only when no reader is inside it any more", async () => {
    const store = await test.open({ maxSlots: 100, retryAfterMs: 1 });
    const { passage } = readerView(store.shared, store.addReader());
    const sync = vi.spyOn(Segment.prototype, "sync");
    await putAll(store, chunksFrom(0, 3));
    await expect.poll(() => sync.mock.calls.length, { timeout: 3000 }).toBe(1);
    await sync.mock.results[0]?.value;
    const [file = ""] = await test.segmentFiles();
    const safeBytes = (await stat(file)).size;
    failSyncs(1);
    await putAll(store, chunksFrom(10, 5));
    Atomics.add(passage, 0, 1); // it has seen that a lost chunk was verified
    await expect.poll(() => store.stats().degraded, { timeout: 3000 }).toBeDefined();
    await expect.poll(() => store.stats().chunks).toBe(3); // all is done but for the file
    await sleep(50);
    expect((await stat(file)).size).toBeGreaterThan(safeBytes);
    Atomics.add(passage, 0, 1);
    await expect.poll(async () => (await stat(file)).size).toBe(safeBytes);
    await store.close();
  });

  it("syncs what a life wrote that was killed before its sync", async () => {
    const unsynced = vi.spyOn(Segment.prototype, "sync").mockReturnValue(Promise.resolve());
    const store = await test.open();
    for (const chunk of chunksFrom(0, 100)) await store.put(chunk); // more than one segment
    const next = await mkdtemp(join(tmpdir(), "sluice-chunks-"));
    await cp(test.folder, next, { recursive: true }); // what a killed process leaves
    unsynced.mockRestore();
    const sync = vi.spyOn(Segment.prototype, "sync");
    const again = await openChunkStore({ folder: next, budgetBytes: 64 * 1024 * 1024, maxSlots: 100 });
    await again.close();
    const synced = sync.mock.contexts.map((segment) => (segment as Segment).path);
    expect(new Set(synced)).toContain(join(next, "segments", "00000001.seg"));
    await store.close();
    await rm(next, { recursive: true });
  });
});
