import { mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sha256Of } from "@sluice/oci/content";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { VerifiedChunk } from "../chunk/chunk-source.js";
import type { ChunkStore } from "../chunk/chunk-store.js";
import { openChunkStore } from "../chunk/segment-chunk-store.js";
import { claimsOf, seededChunk } from "../testing/chunks.js";
import { blob, FakeRegistry, fetched } from "../testing/fake-registry.js";
import { ChunkFetcher, type ChunkFetcherOptions } from "./chunk-fetcher.js";

const untilAborted = (signal: AbortSignal | undefined): Promise<void> =>
  new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason), { once: true }));

describe("a chunk fetcher", () => {
  const chunks = Array.from({ length: 12 }, (_, i) => seededChunk(i, 8192));
  let folder: string;
  let store: ChunkStore;
  let registry: FakeRegistry;
  let fetcher: ChunkFetcher;

  const start = (config: ChunkFetcherOptions["config"] = {}): void => {
    fetcher = new ChunkFetcher({ source: registry, store, config: { retryDelayMs: 1, ...config } });
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-fetch-"));
    store = await openChunkStore({ folder, budgetBytes: 32 * 1024 * 1024, maxSlots: 1000 });
    const { ids, lengths } = claimsOf(chunks);
    await store.bind(ids, lengths); // as a mounted disk does; lookups answer at once then, so plans do not depend on time
    registry = new FakeRegistry(chunks);
    start();
  });
  afterEach(async () => {
    await fetcher.close();
    await store.close();
    await rm(folder, { recursive: true });
  });

  const expectChunk = (got: Uint8Array, i: number): void =>
    expect(Buffer.compare(got, chunks[i]?.bytes ?? Buffer.alloc(0))).toBe(0);

  it("fetches what is missing, keeps it, and does not ask again", async () => {
    expectChunk(await fetched(fetcher, registry.place(3), "demand"), 3);
    await expect.poll(() => store.has(registry.place(3).id)).toBe(true);
    expectChunk(await fetched(fetcher, registry.place(3), "demand"), 3);
    expect(registry.asked).toEqual([registry.place(3).frame]);
    expect(fetcher.stats()).toMatchObject({
      requests: 1,
      chunks: 1,
      inFlight: 0,
      byCause: { demand: { requests: 1 } },
    });
  });

  it("tells the first who waits when the chunk has come into the store, and nobody of what was there", async () => {
    const told: string[] = [];
    const fetch = (who: string): Promise<void> =>
      fetcher.fetch(registry.place(3), "demand", () => undefined, { onStored: () => told.push(who) });
    await Promise.all([fetch("first"), fetch("second")]);
    await expect.poll(() => told).toEqual(["first"]);
    expect(await store.has(registry.place(3).id)).toBe(true);
    await fetch("late");
    expect(told).toEqual(["first"]);
  });

  it("asks once for what many want at once", async () => {
    const all = await Promise.all(Array.from({ length: 50 }, () => fetched(fetcher, registry.place(0), "demand")));
    for (const got of all) expectChunk(got, 0);
    expect(registry.asked).toHaveLength(1);
  });

  it("joins neighbours into one request, and leaves what is far away to another", async () => {
    start({ coalesceGapBytes: 0 });
    const wanted = [0, 1, 2, 7, 8];
    const got = await Promise.all(wanted.map((i) => fetched(fetcher, registry.place(i), "demand")));
    for (const [i, bytes] of got.entries()) expectChunk(bytes, wanted[i] ?? -1);
    expect(registry.asked).toEqual([
      { start: registry.place(0).frame.start, end: registry.place(2).frame.end },
      { start: registry.place(7).frame.start, end: registry.place(8).frame.end },
    ]);
  });

  it("gives out a chunk as soon as its own bytes are there", async () => {
    const { end } = registry.place(0).frame;
    registry.before = async (_range, position, signal) => {
      if (position > end + 1000) await untilAborted(signal);
    };
    const second = fetched(fetcher, registry.place(1), "demand").catch((error: unknown) => error);
    expectChunk(await fetched(fetcher, registry.place(0), "demand"), 0);
    expect(registry.asked).toHaveLength(1);
    await fetcher.close();
    expect(await second).toMatchObject({ code: "FETCHER_CLOSED" });
  });

  it("goes on for the others when one caller gives up", async () => {
    const stop = new AbortController();
    const reason = new Error("the caller's own");
    registry.before = async () => {
      await sleep(1);
      stop.abort(reason);
    };
    const leaving = fetched(fetcher, registry.place(0), "demand", { signal: stop.signal });
    const staying = fetched(fetcher, registry.place(0), "demand");
    await expect(leaving).rejects.toBe(reason);
    expectChunk(await staying, 0);
  });

  it("ends the request when the last caller gives up, and serves the next one afresh", async () => {
    registry.before = (_range, _position, signal) => untilAborted(signal);
    const stop = new AbortController();
    const leaving = fetched(fetcher, registry.place(0), "demand", { signal: stop.signal });
    await expect.poll(() => registry.open).toBe(1);
    stop.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    await expect.poll(() => registry.open).toBe(0);
    registry.before = async () => undefined;
    expectChunk(await fetched(fetcher, registry.place(0), "demand"), 0);
  });

  it("tries again after wrong bytes, without throwing away the right ones beside them", async () => {
    const wrongAt = registry.place(1).frame.start;
    let position = 0;
    registry.change = (piece, attempt) => {
      if (attempt === 1 && position <= wrongAt && wrongAt + 20 < position + piece.length)
        piece[wrongAt + 20 - position] = 0x55;
      position += piece.length;
      return piece;
    };
    const got = await Promise.all([0, 1, 2].map((i) => fetched(fetcher, registry.place(i), "demand")));
    for (const [i, bytes] of got.entries()) expectChunk(bytes, i);
    expect(registry.asked[1]).toEqual(registry.place(1).frame);
    expect(fetcher.stats()).toMatchObject({ retries: 1, wrongBytes: 1, failures: 0 });
  });

  it("tries again after a short body and after a broken connection", async () => {
    registry.change = (piece, attempt) => (attempt === 1 ? undefined : piece);
    registry.before = async () => {
      if (registry.asked.length === 2) throw new Error("ECONNRESET");
    };
    expectChunk(await fetched(fetcher, registry.place(5), "demand"), 5);
    expect(registry.asked).toHaveLength(3);
  });

  it("gives up after the last attempt with an error that says what and why, and keeps nothing", async () => {
    registry.change = (piece) => piece.fill(7);
    const { id } = registry.place(2);
    await expect(fetched(fetcher, registry.place(2), "demand")).rejects.toMatchObject({
      code: "CHUNK_FETCH_FAILED",
      id,
      blob,
      attempts: 3,
      cause: { code: "INVALID_FORMAT" },
    });
    expect(await store.has(id)).toBe(false);
    expect(registry.asked).toHaveLength(3);
  });

  it("refuses a chunk of the right frame with the wrong id", async () => {
    start({ maxAttempts: 1 });
    const lie = { ...registry.place(0), id: registry.place(1).id };
    await expect(fetched(fetcher, lie, "demand")).rejects.toMatchObject({ cause: { code: "DIGEST_MISMATCH" } });
  });

  it("tries again for a reader as long as it waits, and no longer", async () => {
    start({ maxAttempts: 2, maxRetryDelayMs: 2 });
    registry.before = async () => {
      if (registry.asked.length <= 12) throw new Error("ECONNREFUSED");
    };
    expectChunk(await fetched(fetcher, registry.place(0), "demand"), 0);
    expect(registry.asked).toHaveLength(13);
    registry.before = async () => {
      throw new Error("ECONNREFUSED");
    };
    const signal = AbortSignal.timeout(100);
    await expect(fetched(fetcher, registry.place(5), "demand", { signal })).rejects.toMatchObject({
      name: "TimeoutError",
    });
    const asked = registry.asked.length;
    await sleep(30);
    expect(registry.asked).toHaveLength(asked);
    await expect(fetched(fetcher, registry.place(6), "background")).rejects.toMatchObject({ attempts: 2 });
  });

  it("answers at once for a moment what it has just given up", async () => {
    start({ maxAttempts: 1, failureMemoryMs: 50 });
    registry.change = (piece) => piece.fill(7);
    await expect(fetched(fetcher, registry.place(2), "demand")).rejects.toMatchObject({ code: "CHUNK_FETCH_FAILED" });
    await expect(fetched(fetcher, registry.place(2), "demand")).rejects.toMatchObject({ code: "CHUNK_FETCH_FAILED" });
    expect(registry.asked).toHaveLength(1);
    await sleep(60);
    registry.change = (piece) => piece;
    expectChunk(await fetched(fetcher, registry.place(2), "demand"), 2);
  });

  it("lets neighbours wait together after a failure that may pass", async () => {
    start({ retryDelayMs: 100, coalesceGapBytes: 0, maxRangeBytes: 1 });
    registry.before = async () => {
      if (registry.asked.length === 1) throw new Error("ECONNRESET");
    };
    const first = fetched(fetcher, registry.place(0), "demand");
    await expect.poll(() => registry.asked.length, { interval: 1 }).toBe(1);
    const since = performance.now();
    expectChunk(await fetched(fetcher, registry.place(4), "demand"), 4);
    expect(performance.now() - since).toBeGreaterThan(30);
    await first;
  });

  it("does not try again what is permanent", async () => {
    const gone = new Error("404");
    registry.before = async () => {
      throw gone;
    };
    fetcher = new ChunkFetcher({ source: registry, store, isPermanent: (error) => error === gone });
    await expect(fetched(fetcher, registry.place(0), "demand")).rejects.toMatchObject({ attempts: 1, cause: gone });
  });

  it("ends an attempt on which nothing arrives", async () => {
    start({ stallTimeoutMs: 20, maxAttempts: 2 });
    registry.before = async (_range, _position, signal) => {
      if (registry.asked.length === 1) await untilAborted(signal);
    };
    expectChunk(await fetched(fetcher, registry.place(0), "demand"), 0);
    expect(registry.asked).toHaveLength(2);
  });

  it("lets demand pass while prefetches fill their lanes", async () => {
    start({ maxRequests: 2, demandRequests: 1, coalesceGapBytes: 0, maxRangeBytes: 1 });
    registry.before = async (range, _position, signal) => {
      if (range.start !== registry.place(9).frame.start) await untilAborted(signal);
    };
    const stop = new AbortController();
    const filling = fetcher
      .prefetch(registry.places.slice(0, 6), "background", { signal: stop.signal })
      .catch(() => undefined);
    await expect.poll(() => registry.open).toBe(1);
    expectChunk(await fetched(fetcher, registry.place(9), "demand"), 9);
    expect(registry.asked).toHaveLength(2);
    stop.abort();
    await filling;
  });

  it("lifts a chunk that waits in the background out of it when a reader comes", async () => {
    start({ maxRequests: 2, demandRequests: 1, coalesceGapBytes: 0, maxRangeBytes: 1 });
    registry.before = async (range, _position, signal) => {
      if (range.start === 0) await untilAborted(signal);
    };
    const stop = new AbortController();
    const filling = fetcher
      .prefetch(registry.places.slice(0, 6), "background", { signal: stop.signal })
      .catch(() => undefined);
    await expect.poll(() => registry.open).toBe(1);
    expectChunk(await fetched(fetcher, registry.place(4), "demand"), 4);
    stop.abort();
    await filling;
  });

  it("prefetches what is missing, and passes over what fails", async () => {
    start({ maxPrefetchChunks: 3, maxAttempts: 1 });
    await fetched(fetcher, registry.place(0), "demand");
    await expect.poll(() => store.has(registry.place(0).id)).toBe(true);
    const lie = { ...registry.place(1), id: sha256Of("no such chunk") };
    await fetcher.prefetch([lie, ...registry.places], "background");
    for (const { id } of registry.places) await expect.poll(() => store.has(id)).toBe(true);
    expect(fetcher.stats()).toMatchObject({ failures: 1, byCause: { background: { chunks: 11 } } });
  });

  it("tells a reader whose time is up what the attempts failed with, and the next one at once", async () => {
    const late = new Error("the deadline of 5 s has passed");
    const config = { retryDelayMs: 1, maxRetryDelayMs: 5 };
    fetcher = new ChunkFetcher({ source: registry, store, config, isDeadline: (reason) => reason === late });
    registry.before = async () => {
      throw new Error("the registry answered 503");
    };
    const stop = new AbortController();
    const reading = fetched(fetcher, registry.place(0), "demand", { signal: stop.signal });
    await expect.poll(() => registry.asked.length).toBeGreaterThan(4);
    stop.abort(late);
    await expect(reading).rejects.toMatchObject({
      code: "CHUNK_FETCH_FAILED",
      message: expect.stringMatching(/attempts until the deadline of 5 s has passed; the last one: .* answered 503$/),
    });
    const asked = registry.asked.length;
    await expect(fetched(fetcher, registry.place(0), "demand")).rejects.toThrow("answered 503");
    expect(registry.asked).toHaveLength(asked);
  });

  it("serves from memory what the store cannot keep", async () => {
    const full: ChunkStore = Object.create(store, { put: { value: async () => "not-stored" } });
    fetcher = new ChunkFetcher({ source: registry, store: bindAll(full, store) });
    for (let i = 0; i < 32; i++) expectChunk(await fetched(fetcher, registry.place(0), "demand"), 0);
    expect(registry.asked).toHaveLength(1);
  });

  it("goes on fetching for readers while every put hangs, holding no more than it may", async () => {
    let put = 0;
    let finish: () => void = () => undefined;
    const hanging = new Promise<"stored">((resolve) => {
      finish = () => resolve("stored");
    });
    const hung: ChunkStore = Object.create(store, {
      put: {
        value: () => {
          put++;
          return hanging;
        },
      },
    });
    const config = { pendingBytes: 3 * 8192, maxRequests: 2, demandRequests: 1 };
    fetcher = new ChunkFetcher({ source: registry, store: bindAll(hung, store), config });
    for (let i = 0; i < chunks.length; i++) expectChunk(await fetched(fetcher, registry.place(i), "demand"), i);
    expect(put).toBe(3);
    for (let i = 0; i < chunks.length; i++) expectChunk(await fetched(fetcher, registry.place(i), "demand"), i);
    expect(registry.asked).toHaveLength(chunks.length);
    finish();
    await expect.poll(() => put).toBe(chunks.length); // what it held is put after all
  });

  it("stores every chunk that it gives out, also on a disk that is slower than the network", async () => {
    const slow: ChunkStore = Object.create(store, {
      put: { value: (chunk: VerifiedChunk) => sleep(20).then(() => store.put(chunk)) },
    });
    const config = { pendingBytes: 2 * 8192, memoryBytes: 1 };
    fetcher = new ChunkFetcher({ source: registry, store: bindAll(slow, store), config });
    await Promise.all(chunks.map((_, i) => fetched(fetcher, registry.place(i), "demand")));
    await fetcher.close();
    for (const { id } of chunks) expect(await store.has(id)).toBe(true);
  });

  it("fetches a chunk again that was damaged on the disk", async () => {
    await fetched(fetcher, registry.place(0), "demand");
    await expect.poll(() => store.stats().chunks).toBe(1);
    await truncate(join(folder, "segments", "00000001.seg"), 300);
    expectChunk(await fetched(fetcher, registry.place(0), "demand"), 0);
    expect(registry.asked).toHaveLength(2);
  });

  it("refuses settings that cannot work", () => {
    expect(() => start({ demandRequests: 8 })).toThrow(/fetch.demandRequests/);
    expect(() => start({ maxAttempts: 0 })).toThrow(/fetch.maxAttempts/);
  });
});

/** Methods of a store with private fields want the store itself as `this`. */
function bindAll(wrapper: ChunkStore, inner: ChunkStore): ChunkStore {
  return new Proxy(wrapper, {
    get: (target, name) => {
      if (Object.hasOwn(target, name)) return Reflect.get(target, name);
      const value: unknown = Reflect.get(inner, name);
      return typeof value === "function" ? value.bind(inner) : value;
    },
  });
}
