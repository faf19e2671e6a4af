import { mkdtemp, open, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { chunkStoreSuite } from "../testing/chunk-store-suite.js";
import { claimsOf, seededChunk } from "../testing/chunks.js";
import type { VerifiedChunk } from "./chunk-source.js";
import type { ChunkStore } from "./chunk-store.js";
import { Evictor } from "./evictor.js";
import { Segment } from "./segment.js";
import { minBudgetBytes, openChunkStore } from "./segment-chunk-store.js";
import { MISS, SharedChunkReader } from "./shared-chunk-reader.js";
import type { ChunkStoreEvent } from "./store-health.js";
import { readerView } from "./store-shared.js";

let folder: string;
let events: ChunkStoreEvent[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-chunks-"));
  events = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const openStore = (budgetBytes = 64 * 1024 * 1024): Promise<ChunkStore> =>
  openChunkStore({ folder, budgetBytes, maxSlots: 10_000, onEvent: (event) => events.push(event) });

const segmentFiles = async (): Promise<string[]> => {
  const names = await readdir(join(folder, "segments"));
  return names.sort().map((name) => join(folder, "segments", name));
};

const chunksFrom = (first: number, count: number, sizeBytes = 64 * 1024): VerifiedChunk[] =>
  Array.from({ length: count }, (_, i) => seededChunk(first + i, sizeBytes));

async function putAll(store: ChunkStore, chunks: readonly VerifiedChunk[]): Promise<void> {
  await Promise.all(chunks.map((chunk) => store.put(chunk)));
}

async function countRight(store: ChunkStore, chunks: readonly VerifiedChunk[]): Promise<number> {
  let right = 0;
  for (const { id, bytes } of chunks) {
    const got = await store.get(id).catch(() => undefined);
    if (got === undefined) continue;
    expect(Buffer.compare(got, bytes)).toBe(0);
    right++;
  }
  return right;
}

async function flipByte(path: string, at: number): Promise<void> {
  const file = await open(path, "r+");
  try {
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, at);
    byte[0] = (byte[0] ?? 0) ^ 0x40;
    await file.write(byte, 0, 1, at);
  } finally {
    await file.close();
  }
}

chunkStoreSuite("The segment store", () => openStore());

describe("the segment store over its lives", () => {
  it("has after a restart what it had before, without reading it", async () => {
    const chunks = chunksFrom(0, 30);
    let store = await openStore();
    await putAll(store, chunks);
    await store.close();
    store = await openStore();
    expect(store.stats().chunks).toBe(30);
    expect(events).toEqual([]);
    expect(await countRight(store, chunks)).toBe(30);
    await store.close();
  });

  it("goes on in the segment that it had begun", async () => {
    for (let life = 0; life < 3; life++) {
      const store = await openStore();
      await putAll(store, chunksFrom(life * 5, 5));
      await store.close();
    }
    expect(await segmentFiles()).toHaveLength(1);
  });

  it("finds its chunks again when the index is lost", async () => {
    const chunks = chunksFrom(0, 100);
    let store = await openStore();
    await putAll(store, chunks);
    await store.close();
    await rm(join(folder, "index"), { recursive: true });
    store = await openStore();
    expect(events.map((event) => event.kind)).toContain("rebuilt");
    expect(await countRight(store, chunks)).toBe(100);
    await store.close();
  });

  it("throws a damaged index away and makes it anew", async () => {
    const chunks = chunksFrom(0, 20);
    let store = await openStore();
    await putAll(store, chunks);
    await store.close();
    for (const name of await readdir(join(folder, "index"))) {
      if (/^(MANIFEST|CURRENT)/.test(name)) await writeFile(join(folder, "index", name), "rubbish that is no index\n");
    }
    store = await openStore();
    expect(await countRight(store, chunks)).toBe(20);
    await store.close();
  });

  it("cuts off a torn record and keeps those before it", async () => {
    const chunks = chunksFrom(0, 10);
    let store = await openStore();
    for (const chunk of chunks) await store.put(chunk);
    await store.close();
    const [segment = ""] = await segmentFiles();
    await truncate(segment, (await stat(segment)).size - 1000);
    store = await openStore();
    expect(events.map((event) => event.kind)).toContain("torn");
    expect(await countRight(store, chunks)).toBe(9);
    await store.put(seededChunk("after"));
    expect(await store.has(seededChunk("after").id)).toBe(true);
    await store.close();
  });

  it("loses to a damaged header only the chunk behind it", async () => {
    const chunks = chunksFrom(0, 10);
    let store = await openStore();
    for (const chunk of chunks) await store.put(chunk);
    await store.close();
    const [segment = ""] = await segmentFiles();
    await flipByte(segment, 64 + 3 * (64 * 1024 + 64) + 5);
    await rm(join(folder, "index"), { recursive: true });
    store = await openStore();
    expect(await countRight(store, chunks)).toBe(9);
    await store.close();
  });

  it("misses the chunks of a segment that somebody deleted, and takes them again", async () => {
    const chunks = chunksFrom(0, 200);
    let store = await openStore();
    await putAll(store, chunks);
    await store.close();
    const [first = ""] = await segmentFiles();
    await rm(first);
    store = await openStore();
    const { ids, lengths } = claimsOf(chunks);
    await using binding = await store.bind(ids, lengths);
    expect(binding.slots).toHaveLength(200);
    const left = await countRight(store, chunks);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(200);
    await putAll(store, chunks);
    expect(await countRight(store, chunks)).toBe(200);
    await store.close();
  });

  it("names the process that has it open", async () => {
    const store = await openStore();
    await expect(openStore()).rejects.toMatchObject({
      code: "STORE_LOCKED",
      message: expect.stringMatching(new RegExp(`${folder} is in use by process ${process.pid}`)),
    });
    await store.close();
  });

  it("refuses a budget that holds nothing", async () => {
    await expect(openStore(minBudgetBytes - 1)).rejects.toThrow(/at least/);
  });
});

describe("the segment store and damage", () => {
  it("answers no damaged chunk, and heals when it is put again", async () => {
    const chunks = chunksFrom(0, 3);
    let store = await openStore();
    for (const chunk of chunks) await store.put(chunk);
    await store.close();
    const [segment = ""] = await segmentFiles();
    await flipByte(segment, 64 + 64 + 64 * 1024 + 64 + 500); // in the second chunk
    store = await openStore();
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

  it("finds and drops damage when it scrubs", async () => {
    const chunks = chunksFrom(0, 20);
    let store = await openStore();
    for (const chunk of chunks) await store.put(chunk);
    await store.close();
    const [segment = ""] = await segmentFiles();
    await flipByte(segment, 64 + 7 * (64 * 1024 + 64) + 64 + 10);
    await flipByte(segment, 64 + 9 * (64 * 1024 + 64) + 8); // the id in a header
    store = await openStore();
    const damaged: string[] = [];
    for await (const progress of store.scrub()) damaged.push(...progress.damaged);
    expect(damaged.sort()).toEqual([chunks[7]?.id, chunks[9]?.id].sort());
    expect(await store.has(chunks[7]?.id ?? seededChunk("x").id)).toBe(false);
    expect(store.stats()).toMatchObject({ chunks: 18, damaged: 2 });
    for await (const progress of store.scrub()) expect(progress.damaged).toEqual([]);
    await store.close();
  });

  it("gives a chunk up when its segment was truncated under it", async () => {
    const chunks = chunksFrom(0, 3);
    const store = await openStore();
    const { ids, lengths } = claimsOf(chunks);
    const binding = await store.bind(ids, lengths);
    for (const chunk of chunks) await store.put(chunk);
    const [segment = ""] = await segmentFiles();
    await truncate(segment, 64 + 2 * (64 * 1024 + 64) + 64 + 100);
    const reader = new SharedChunkReader(store.shared, store.addReader());
    const into = new Uint8Array(4096);
    expect(reader.read(binding.slots[2] ?? -1, 4096, 4096, into, 0)).toBe(MISS);
    expect(reader.read(binding.slots[1] ?? -1, 4096, 4096, into, 0)).toBe(4096);
    await store.close();
  });
});

describe("the segment store and its budget", () => {
  it("never takes more than its budget, and keeps what came last", async () => {
    const budgetBytes = minBudgetBytes;
    const store = await openStore(budgetBytes);
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
    const store = await openStore(minBudgetBytes);
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

  it("shrinks to a smaller budget when it is opened with one", async () => {
    let store = await openStore(64 * 1024 * 1024);
    await putAll(store, chunksFrom(0, 600));
    await store.close();
    store = await openStore(minBudgetBytes);
    expect(store.stats().bytes).toBeLessThanOrEqual(minBudgetBytes);
    expect(store.stats().chunks).toBeGreaterThan(50);
    await store.close();
  });

  it("refuses to bind more chunks than it has slots, and gives back those it took", async () => {
    const store = await openChunkStore({ folder, budgetBytes: minBudgetBytes, maxSlots: 3 });
    const { ids, lengths } = claimsOf(chunksFrom(0, 4, 100));
    await expect(store.bind(ids, lengths)).rejects.toMatchObject({ code: "TOO_MANY_CHUNKS" });
    await using binding = await store.bind(ids.subarray(0, 96), lengths.subarray(0, 3));
    expect(new Set(binding.slots).size).toBe(3);
    await store.close();
  });
});

describe("the segment store and writing back", () => {
  const failSyncs = (times: number) => {
    const sync = vi.spyOn(Segment.prototype, "sync");
    for (let i = 0; i < times; i++)
      sync.mockRejectedValueOnce(Object.assign(new Error("EIO: i/o error, fdatasync"), { code: "EIO" }));
    return sync;
  };
  afterEach(() => vi.restoreAllMocks());

  it("drops what was written since the last good sync when a sync fails, says so, and goes on elsewhere", async () => {
    const store = await openChunkStore({
      folder,
      budgetBytes: 64 * 1024 * 1024,
      maxSlots: 100,
      retryAfterMs: 1,
      onEvent: (event) => events.push(event),
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
    expect(events.map(({ kind }) => kind)).toEqual(["degraded", "recovered"]);
    expect(await countRight(store, lost)).toBe(5);
    expect(await segmentFiles()).toHaveLength(2);
    await store.close();
  });

  it("gives up a segment of which nothing is safe", async () => {
    failSyncs(1);
    const store = await openStore();
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
    const store = await openStore();
    await putAll(store, chunksFrom(0, 2));
    await expect.poll(() => sync.mock.calls.length, { timeout: 3000 }).toBe(1);
    expect(await store.put(seededChunk(3))).toBe("stored");
    expect(await countRight(store, [seededChunk(0), seededChunk(3)])).toBe(2);
    finish();
    await store.close();
    expect(sync.mock.calls.length).toBeGreaterThan(1);
  });
});

describe("the segment store while others use it", () => {
  afterEach(() => vi.restoreAllMocks());

  it("takes puts between the turns of a collection, which ends at its signal", async () => {
    const store = await openStore(1024 * 1024 * 1024);
    const chunks = chunksFrom(0, 60, 512 * 1024);
    const { ids, lengths } = claimsOf(chunks.filter((_, i) => i % 4 !== 0));
    await store.bind(ids, lengths);
    await putAll(store, chunks);
    const order: string[] = [];
    const collecting = store.gc().then(() => order.push("gc"));
    const late = seededChunk("beside");
    await store.put(late).then(() => order.push("put"));
    await collecting;
    expect(order).toEqual(["put", "gc"]);
    expect(await countRight(store, [...chunks.filter((_, i) => i % 4 !== 0), late])).toBe(46);
    for (const [i, { id }] of chunks.entries()) expect(await store.has(id)).toBe(i % 4 !== 0);
    const stop = new AbortController();
    const stopped = store.gc({ signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(stopped).rejects.toThrow("enough");
    await store.close();
  });

  it("makes the room that it owes once it can again", async () => {
    const store = await openChunkStore({ folder, budgetBytes: minBudgetBytes, maxSlots: 100, retryAfterMs: 0 });
    const make = vi.spyOn(Evictor.prototype, "makeRoom");
    make.mockRejectedValueOnce(Object.assign(new Error("EIO: while making room"), { code: "EIO" }));
    expect(await store.put(seededChunk(0))).toBe("not-stored");
    expect(await store.put(seededChunk(0))).toBe("stored");
    expect(make).toHaveBeenCalledTimes(2);
    expect(await store.put(seededChunk(1))).toBe("stored");
    expect(make).toHaveBeenCalledTimes(2);
    await store.close();
  });

  it("does not hash a chunk again that its slot knows to be right", async () => {
    const store = await openStore();
    const chunk = seededChunk("known");
    const { ids, lengths } = claimsOf([chunk]);
    await using binding = await store.bind(ids, lengths);
    await store.put(chunk);
    expect(Buffer.compare(await store.get(chunk.id), chunk.bytes)).toBe(0);
    // Rot after the first use shows that nobody looked: docs/adr/0005-durability.md.
    await flipByte((await segmentFiles())[0] ?? "", 64 + 64 + 5);
    expect(Buffer.compare(await store.get(chunk.id), chunk.bytes)).not.toBe(0);
    await binding.close();
    await expect(store.get(chunk.id)).rejects.toMatchObject({ code: "CHUNK_MISSING" });
    await store.close();
  });

  it("hands a slot on only when every reader that was inside its passage at the close has left it", async () => {
    const store = await openChunkStore({ folder, budgetBytes: minBudgetBytes, maxSlots: 2 });
    const [one, two, three] = [seededChunk(1), seededChunk(2), seededChunk(3)].map((chunk) => claimsOf([chunk]));
    if (one === undefined || two === undefined || three === undefined) throw new RangeError("three claims");
    const { passage } = readerView(store.shared, store.addReader());
    const first = await store.bind(one.ids, one.lengths);
    Atomics.add(passage, 0, 1); // a request looks its slots up inside its passage
    let isClosed = false;
    const closing = first.close().then(() => {
      isClosed = true;
    });
    const second = await store.bind(two.ids, two.lengths);
    expect(second.slots[0]).not.toBe(first.slots[0]);
    expect(isClosed).toBe(false);
    Atomics.add(passage, 0, 1);
    await closing;
    expect((await store.bind(three.ids, three.lengths)).slots[0]).toBe(first.slots[0]);
    await store.close();
  });
});
