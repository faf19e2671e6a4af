import { rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { claimsOf, seededChunk } from "../testing/chunks.js";
import { chunksFrom, countRight, flipByte, putAll, useTestStore } from "../testing/test-store.js";
import { MISS, SharedChunkReader } from "./shared-chunk-reader.js";
import { readerView } from "./store-shared.js";

const test = useTestStore();

describe("the segment store and damage", () => {
  it("answers no damaged chunk, and heals when it is put again", async () => {
    const chunks = chunksFrom(0, 3);
    let store = await test.open();
    for (const chunk of chunks) await store.put(chunk);
    await store.close();
    const [segment = ""] = await test.segmentFiles();
    await flipByte(segment, 64 + 64 + 64 * 1024 + 64 + 500); // in the second chunk
    store = await test.open();
    const { ids, lengths } = claimsOf(chunks);
    const binding = await store.bind(ids, lengths);
    const reader = new SharedChunkReader(store.shared, store.addReader());
    const into = new Uint8Array(4096);
    const read = (i: number): number => reader.read(binding.slots[i] ?? -1, 0, 4096, into, 0);
    expect([read(0), read(1), read(2)]).toEqual([4096, MISS, 4096]);
    const [, second] = chunks;
    if (second === undefined) throw new Error("three chunks were made");
    await expect(store.get(second.id)).rejects.toMatchObject({ code: "CHUNK_MISSING" });
    expect(await store.put(second)).toBe("stored");
    expect(read(1)).toBe(4096);
    expect(store.stats()).toMatchObject({ damaged: 1, healed: 1 });
    await store.close();
  });

  it("drops a damaged chunk once, however many found it", async () => {
    const chunks = chunksFrom(0, 4);
    let store = await test.open();
    for (const chunk of chunks) await store.put(chunk);
    await store.close();
    const [segment = ""] = await test.segmentFiles();
    await flipByte(segment, 64 + 64 + 64 * 1024 + 64 + 500); // in the second chunk
    store = await test.open();
    const ids = [0, 0, 0].flatMap(() => chunks.map(({ id }) => id));
    const got = await Promise.allSettled(ids.map((id) => store.get(id)));
    expect(got.filter(({ status }) => status === "rejected")).toHaveLength(3);
    expect(store.stats()).toMatchObject({ chunks: 3, damaged: 1 });
    await store.close();
  });

  it("finds and drops damage when it scrubs", async () => {
    const chunks = chunksFrom(0, 20);
    let store = await test.open();
    for (const chunk of chunks) await store.put(chunk);
    await store.close();
    const [segment = ""] = await test.segmentFiles();
    await flipByte(segment, 64 + 7 * (64 * 1024 + 64) + 64 + 10);
    await flipByte(segment, 64 + 9 * (64 * 1024 + 64) + 8); // the id in a header
    store = await test.open();
    const damaged: string[] = [];
    for await (const progress of store.scrub()) damaged.push(...progress.damaged);
    expect(damaged.sort()).toEqual([chunks[7]?.id, chunks[9]?.id].sort());
    expect(await store.has(chunks[7]?.id ?? seededChunk("x").id)).toBe(false);
    expect(store.stats()).toMatchObject({ chunks: 18, damaged: 2 });
    for await (const progress of store.scrub()) expect(progress.damaged).toEqual([]);
    await store.close();
  });

  it("reads no zeros where a segment was truncated and then appended to", async () => {
    const chunks = chunksFrom(0, 4);
    const [, , , last] = chunks;
    if (last === undefined) throw new Error("four chunks were made");
    const store = await test.open();
    const { ids, lengths } = claimsOf(chunks);
    const binding = await store.bind(ids, lengths);
    for (const chunk of chunks.slice(0, 3)) await store.put(chunk);
    const [segment = ""] = await test.segmentFiles();
    await truncate(segment, 64 + 64 * 1024 + 64); // behind the first
    await store.put(last);
    const reader = new SharedChunkReader(store.shared, store.addReader());
    const into = new Uint8Array(4096);
    const read = (i: number): number => reader.read(binding.slots[i] ?? -1, 0, 4096, into, 0);
    expect([0, 1, 2, 3].map(read)).toEqual([4096, MISS, MISS, 4096]);
    expect(Buffer.compare(into, last.bytes.subarray(0, 4096))).toBe(0);
    for (const chunk of chunks.slice(1, 3)) expect(await store.put(chunk)).toBe("stored");
    expect(await countRight(store, chunks)).toBe(4);
    await store.close();
  });

  it("appends to a segment that was truncated only when no reader is inside it any more", async () => {
    const store = await test.open();
    const { ids, lengths } = claimsOf(chunksFrom(0, 4));
    await store.bind(ids, lengths);
    const { passage } = readerView(store.shared, store.addReader());
    await putAll(store, chunksFrom(0, 3));
    const [segment = ""] = await test.segmentFiles();
    const cutBytes = 64 + 64 * 1024 + 64;
    await truncate(segment, cutBytes);
    Atomics.add(passage, 0, 1); // it has seen that the second chunk was verified
    const put = store.put(seededChunk(3, 64 * 1024));
    await expect(Promise.race([put, sleep(50, "waits")])).resolves.toBe("waits");
    expect((await stat(segment)).size).toBe(cutBytes);
    Atomics.add(passage, 0, 1);
    await expect(put).resolves.toBe("stored");
    await store.close();
  });

  it("keeps nothing for a while when a reader does not leave a segment that was truncated, and leaves the file as it is", async () => {
    const store = await test.open({ retryAfterMs: 1 });
    const { ids, lengths } = claimsOf(chunksFrom(0, 4));
    await store.bind(ids, lengths);
    const { passage } = readerView(store.shared, store.addReader());
    await putAll(store, chunksFrom(0, 3));
    const [segment = ""] = await test.segmentFiles();
    const cutBytes = 64 + 64 * 1024 + 64;
    await truncate(segment, cutBytes);
    Atomics.add(passage, 0, 1); // inside a read of a disk that hangs
    const start = performance.now();
    let looks = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => start + 1000 * looks++);
    expect(await store.put(seededChunk(3, 64 * 1024))).toBe("not-stored");
    expect(store.stats().degraded).toMatch(/readers have been inside/);
    expect((await stat(segment)).size).toBe(cutBytes);
    Atomics.add(passage, 0, 1);
    expect(await store.put(seededChunk(3, 64 * 1024))).toBe("stored");
    clock.mockRestore();
    await store.close();
  });

  it("gives a chunk up when its segment was truncated under it", async () => {
    const chunks = chunksFrom(0, 3);
    const store = await test.open();
    const { ids, lengths } = claimsOf(chunks);
    const binding = await store.bind(ids, lengths);
    for (const chunk of chunks) await store.put(chunk);
    const [segment = ""] = await test.segmentFiles();
    await truncate(segment, 64 + 2 * (64 * 1024 + 64) + 64 + 100);
    const reader = new SharedChunkReader(store.shared, store.addReader());
    const into = new Uint8Array(4096);
    expect(reader.read(binding.slots[2] ?? -1, 4096, 4096, into, 0)).toBe(MISS);
    expect(reader.read(binding.slots[1] ?? -1, 4096, 4096, into, 0)).toBe(4096);
    await store.close();
  });

  it("looks at what lay beside a damaged chunk again before it is used", async () => {
    const store = await test.open();
    const chunks = chunksFrom(0, 3);
    const { ids, lengths } = claimsOf(chunks);
    const binding = await store.bind(ids, lengths);
    await putAll(store, chunks);
    const [segment = ""] = await test.segmentFiles();
    const reader = new SharedChunkReader(store.shared, store.addReader());
    const into = new Uint8Array(4096);
    const read = (i: number): number => reader.read(binding.slots[i] ?? -1, 0, 4096, into, 0);
    await flipByte(segment, 64 + 64 + 64 * 1024 + 64 + 500); // rot in the second, after it was verified
    await truncate(segment, 64 + 2 * (64 * 1024 + 64) + 64 + 100);
    expect(read(2)).toBe(MISS);
    for (const chunk of chunks.slice(2)) expect(await store.put(chunk)).toBe("stored");
    expect([read(0), read(1), read(2)]).toEqual([4096, MISS, 4096]);
    await store.close();
  });

  it("goes on when somebody deleted the folder of its segments", async () => {
    const store = await test.open({ retryAfterMs: 1 });
    const chunks = chunksFrom(0, 200);
    await putAll(store, chunks.slice(0, 10));
    await rm(join(test.folder, "segments"), { recursive: true });
    await putAll(store, chunks);
    expect(await countRight(store, chunks)).toBe(chunks.length);
    await store.close();
  });
});
