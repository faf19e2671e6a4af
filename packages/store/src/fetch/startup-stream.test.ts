import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sha256Of } from "@sluice/oci/content";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { verifyChunk } from "../chunk/chunk-source.js";
import type { ChunkStore } from "../chunk/chunk-store.js";
import { openChunkStore } from "../chunk/segment-chunk-store.js";
import { claimsOf } from "../testing/chunks.js";
import { FakeRegistry, fetched } from "../testing/fake-registry.js";
import { ChunkFetcher, type ChunkFetcherOptions } from "./chunk-fetcher.js";
import type { ChunkPlace } from "./fetch-request.js";

const untilAborted = (signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));

describe("the startup stream", () => {
  /** Of bytes that do not shrink, so that a chunk takes nine pieces. */
  const chunks = Array.from({ length: 12 }, () => {
    const bytes = randomBytes(8192);
    return verifyChunk(sha256Of(bytes), bytes);
  });
  let folder: string;
  let store: ChunkStore;
  let registry: FakeRegistry;
  let fetcher: ChunkFetcher;

  const start = (config: ChunkFetcherOptions["config"] = {}): void => {
    fetcher = new ChunkFetcher({ source: registry, store, config: { retryDelayMs: 1, ...config } });
  };
  /** Lets the first request come up to chunk `i`, and no further before `go` is called. */
  const holdBefore = (i: number): { go: () => void } => {
    const hold = { go: (): void => undefined };
    let isHeld = true;
    const released = new Promise<void>((resolve) => {
      hold.go = () => {
        isHeld = false;
        resolve();
      };
    });
    registry.before = async (range, position, signal) => {
      if (!isHeld || range !== registry.asked[0] || position < registry.place(i).frame.start) return;
      await Promise.race([released, untilAborted(signal)]);
    };
    return hold;
  };
  const isChunk = (bytes: Uint8Array, i: number): boolean =>
    Buffer.from(bytes).equals(chunks[i]?.bytes ?? new Uint8Array());
  const whole = (): { start: number; end: number } => ({ start: 0, end: registry.place(11).frame.end });

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-stream-"));
    store = await openChunkStore({ folder, budgetBytes: 32 * 1024 * 1024, maxSlots: 1000 });
    const { ids, lengths } = claimsOf(chunks);
    await store.bind(ids, lengths);
    registry = new FakeRegistry(chunks);
    start();
  });
  afterEach(async () => {
    await fetcher.close();
    await store.close();
    await rm(folder, { recursive: true });
  });

  it("brings everything in one request, and readers wait for it instead of asking again", async () => {
    const hold = holdBefore(0);
    const streaming = fetcher.stream(registry.places);
    await expect.poll(() => registry.open).toBe(1);
    const reading = fetched(fetcher, { ...registry.place(8), blob: sha256Of("a layer") }, "demand");
    hold.go();
    expect(isChunk(await reading, 8)).toBe(true);
    await streaming;
    expect(registry.asked).toEqual([whole()]);
    expect(fetcher.stats().byCause.startup).toMatchObject({ requests: 1, chunks: 12 });
    await expect.poll(() => store.stats().chunks).toBe(12);
  });

  it("gives a reader his chunk as soon as it is there", async () => {
    const hold = holdBefore(6);
    const streaming = fetcher.stream(registry.places);
    await expect.poll(() => registry.open).toBe(1);
    expect(isChunk(await fetched(fetcher, registry.place(3), "demand"), 3)).toBe(true);
    hold.go();
    await streaming;
    expect(registry.asked).toHaveLength(1);
  });

  it("leaves out what is stored, asking apart for what lies far behind it", async () => {
    const stored = [0, 4, 5, 6, 7];
    for (const [i, chunk] of chunks.entries()) if (stored.includes(i)) await store.put(chunk);
    start({ coalesceGapBytes: 10_000 });
    await fetcher.stream(registry.places);
    expect(registry.asked).toEqual([
      { start: registry.place(1).frame.start, end: registry.place(3).frame.end },
      { start: registry.place(8).frame.start, end: registry.place(11).frame.end },
    ]);
    await expect.poll(() => store.stats().chunks).toBe(12);
    await fetcher.stream(registry.places);
    expect(registry.asked).toHaveLength(2);
  });

  it("tells what it was to bring once it is stored", async () => {
    const stored: string[] = [];
    await store.put(chunks[3] ?? verifyChunk(sha256Of(""), new Uint8Array()));
    const onStored = ({ id }: ChunkPlace): number => stored.push(id);
    await fetcher.stream(registry.places, { onStored });
    const expected = chunks.map(({ id }) => id).filter((_, i) => i !== 3);
    await expect.poll(() => stored).toEqual(expected);
  });

  it("goes on where it broke, and does not let readers wait for that", async () => {
    let breakOff: (error: Error) => void = () => undefined;
    const broken = new Promise<void>((_, reject) => {
      breakOff = reject;
    });
    registry.before = async (range, position) => {
      if (range === registry.asked[0] && position >= registry.place(6).frame.start) await broken;
    };
    start({ retryDelayMs: 200 });
    const streaming = fetcher.stream(registry.places);
    await expect.poll(() => fetcher.stats().chunks).toBe(6);
    const reading = fetched(fetcher, registry.place(11), "demand");
    breakOff(new Error("stream broken"));
    expect(isChunk(await reading, 11)).toBe(true);
    await streaming;
    expect(registry.asked.slice(1)).toEqual([
      { start: registry.place(6).frame.start, end: registry.place(10).frame.end },
      registry.place(11).frame,
    ]);
    expect(fetcher.stats().chunks).toBe(12);
  });

  it("gives up after so many attempts that bring nothing, and what a reader wants is still fetched", async () => {
    registry.before = async (range) => {
      if (range.end === whole().end) throw new Error("no long answers here");
    };
    start({ maxAttempts: 2 });
    await expect(fetcher.stream(registry.places)).rejects.toThrow("no long answers here");
    expect(registry.asked).toEqual([whole(), whole()]);
    expect(isChunk(await fetched(fetcher, registry.place(2), "demand"), 2)).toBe(true);
  });

  it("fails readers who can do without it when it gives up, but not those who depend on the chunk", async () => {
    let fail: () => void = () => undefined;
    const failing = new Promise<void>((resolve) => {
      fail = resolve;
    });
    registry.before = async (range) => {
      if (range !== registry.asked[0]) return;
      await failing;
      throw new Error("503 for now");
    };
    start({ maxAttempts: 1 });
    const streaming = fetcher.stream(registry.places.map((place) => ({ ...place, isReplaceable: true })));
    await expect.poll(() => fetcher.stats().inFlight).toBe(1);
    const without = fetched(fetcher, { ...registry.place(2), isReplaceable: true }, "demand");
    const layer = { ...registry.place(3), blob: sha256Of("a layer") };
    const depending = [
      fetched(fetcher, layer, "demand"),
      fetched(fetcher, { ...registry.place(3), isReplaceable: true }, "demand"),
    ];
    await sleep(20); // all have joined
    fail();
    const ended = await Promise.allSettled([streaming, without]);
    expect(ended).toMatchObject([{ reason: { message: "503 for now" } }, { reason: { code: "CHUNK_FETCH_FAILED" } }]);
    for (const bytes of await Promise.all(depending)) expect(isChunk(bytes, 3)).toBe(true);
  });

  it("leaves nobody waiting for a place that fails for now where the bytes can be had in another way", async () => {
    const startup = { ...registry.place(3), blob: sha256Of("startup"), frame: whole(), isReplaceable: true };
    registry.before = async (range) => {
      if (range.end === whole().end) throw new Error("503 for now");
    };
    start({ maxAttempts: 2 });
    await expect(fetched(fetcher, startup, "demand")).rejects.toMatchObject({ code: "CHUNK_FETCH_FAILED" });
    const other = { ...startup, ...registry.place(4), blob: startup.blob, frame: whole() };
    const readers = [fetched(fetcher, other, "demand"), fetched(fetcher, registry.place(4), "demand")];
    for (const bytes of await Promise.all(readers)) expect(isChunk(bytes, 4)).toBe(true);
  });

  it("is overtaken for a reader who came while it looked up what is here", async () => {
    holdBefore(0);
    let go: () => void = () => undefined;
    const lookingUp = new Promise<void>((resolve) => {
      go = resolve;
    });
    const has = store.has.bind(store);
    store.has = async (id, options) => {
      if (id === registry.place(11).id) await lookingUp;
      return await has(id, options);
    };
    start({ streamPatienceMs: 100 });
    const streaming = fetcher.stream(registry.places).catch(() => undefined);
    await sleep(20);
    const reading = fetched(fetcher, registry.place(5), "demand", { signal: AbortSignal.timeout(3000) });
    go();
    expect(isChunk(await reading, 5)).toBe(true);
    await fetcher.close();
    await streaming;
  });

  it("fails, and at once, when the fetcher is closed while it pauses", async () => {
    registry.before = () => Promise.reject(new Error("not now"));
    start({ retryDelayMs: 60_000, maxRetryDelayMs: 60_000 });
    const streaming = fetcher.stream(registry.places).catch((error: unknown) => error);
    await expect.poll(() => fetcher.stats().retries).toBe(1);
    await fetcher.close();
    expect(await streaming).toMatchObject({ code: "FETCHER_CLOSED" });
  });

  it("passes over wrong bytes: the rest is kept, and a reader gets the chunk from where he knows it", async () => {
    let position = 0;
    const wrong = registry.place(5).frame;
    registry.change = (piece, attempt) => {
      if (attempt === 1 && position >= wrong.start && position < wrong.end) piece.fill(0);
      position += piece.length;
      return piece;
    };
    const hold = holdBefore(4);
    const streaming = fetcher.stream(registry.places);
    await expect.poll(() => registry.open).toBe(1);
    const reading = fetched(fetcher, registry.place(5), "demand");
    hold.go();
    expect(isChunk(await reading, 5)).toBe(true);
    await streaming;
    expect(fetcher.stats().wrongBytes).toBeGreaterThan(0);
    await expect.poll(() => store.stats().chunks).toBeGreaterThan(9);
  });

  it("is overtaken for a reader who has waited long enough, and the chunk is landed once", async () => {
    const hold = holdBefore(2);
    start({ streamPatienceMs: 300 });
    const streaming = fetcher.stream(registry.places);
    await expect.poll(() => fetcher.stats().chunks).toBe(2);
    expect(isChunk(await fetched(fetcher, registry.place(9), "demand"), 9)).toBe(true);
    expect(registry.asked[1]).toEqual(registry.place(9).frame);
    hold.go();
    await streaming;
    expect(registry.asked).toHaveLength(2);
    expect(fetcher.stats().chunks).toBe(12);
  });

  it("is overtaken at once by a reader whose chunk it will bring too late at its rate", async () => {
    registry.before = async (range) => {
      if (range === registry.asked[0]) await sleep(20); // 50 KB/s: the last chunk comes after about two seconds
    };
    start({ streamPatienceMs: 1000 });
    const streaming = fetcher.stream(registry.places).catch(() => undefined);
    await expect.poll(() => fetcher.stats().chunks).toBe(1);
    const asked = performance.now();
    expect(isChunk(await fetched(fetcher, registry.place(11), "demand"), 11)).toBe(true);
    expect(performance.now() - asked).toBeLessThan(900);
    expect(registry.asked[1]).toEqual(registry.place(11).frame);
    await fetcher.close();
    await streaming;
  });

  it("ends with its signal, and readers of what it did not bring are served all the same", async () => {
    holdBefore(3);
    const stop = new AbortController();
    const streaming = fetcher.stream(registry.places, { signal: stop.signal });
    await expect.poll(() => fetcher.stats().chunks).toBe(3);
    const reading = fetched(fetcher, registry.place(7), "demand");
    stop.abort(new Error("the disk was closed"));
    await expect(streaming).rejects.toThrow("the disk was closed");
    expect(isChunk(await reading, 7)).toBe(true);
  });

  it("ends when the fetcher is closed", async () => {
    holdBefore(3);
    const streaming = fetcher.stream(registry.places);
    await expect.poll(() => fetcher.stats().chunks).toBe(3);
    const ended = expect(streaming).rejects.toMatchObject({ code: "FETCHER_CLOSED" });
    await fetcher.close();
    await ended;
    expect(registry.asked).toHaveLength(1);
  });
});
