import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ChunkStore } from "../chunk/chunk-store.js";
import { FakeRegistry, fetched } from "../testing/fake-registry.js";
import { chunksFrom, useTestStore } from "../testing/test-store.js";
import { ChunkFetcher } from "./chunk-fetcher.js";
import type { FetchConfig } from "./fetch-config.js";
import type { ChunkPlace } from "./fetch-request.js";

describe("a fetcher and images that are wrong about where a chunk lies", () => {
  const test = useTestStore();
  const chunks = chunksFrom(0, 12, 8192);
  let store: ChunkStore;
  let registry: FakeRegistry;
  let fetcher: ChunkFetcher;

  beforeEach(async () => {
    store = await test.open();
    registry = new FakeRegistry(chunks);
  });
  afterEach(async () => {
    await fetcher.close();
    await store.close();
  });

  const start = (config: Partial<FetchConfig> = {}): void => {
    fetcher = new ChunkFetcher({ source: registry, store, config: { retryDelayMs: 1, maxRetryDelayMs: 5, ...config } });
  };
  /** The chunk's id and blob, and the frame of another. */
  const wrong = (chunk: number, frameOf: number): ChunkPlace => ({
    ...registry.place(chunk),
    frame: registry.place(frameOf).frame,
  });
  const isRead = async (place: ChunkPlace, chunk: number): Promise<boolean> =>
    Buffer.compare(await fetched(fetcher, place, "demand"), chunks[chunk]?.bytes ?? Buffer.alloc(0)) === 0;

  it("gives a reader the chunk from where his image says, also when he waits with others who say it wrongly", async () => {
    start();
    const places = [wrong(3, 4), registry.place(3), wrong(3, 5)];
    expect(await Promise.all(places.map((place) => isRead(place, 3)))).toEqual([true, true, true]);
  });

  it("remembers that it gave up a place, and not the chunk", async () => {
    start();
    await expect(isRead(wrong(3, 4), 3)).rejects.toMatchObject({ code: "CHUNK_FETCH_FAILED" });
    const asked = registry.asked.length;
    await expect(isRead(wrong(3, 4), 3)).rejects.toMatchObject({ code: "CHUNK_FETCH_FAILED" });
    expect(registry.asked).toHaveLength(asked);
    expect(await isRead(registry.place(3), 3)).toBe(true);
  });

  it("lets no other chunk of the blob wait", async () => {
    start({ retryDelayMs: 600_000, maxRetryDelayMs: 600_000 });
    const waiting = isRead(wrong(3, 4), 3).catch(() => false);
    await expect.poll(() => fetcher.stats().wrongBytes).toBe(1);
    expect(await isRead(registry.place(7), 7)).toBe(true);
    await fetcher.close();
    expect(await waiting).toBe(false);
  });
});
