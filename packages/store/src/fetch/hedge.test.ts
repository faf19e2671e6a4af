import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { sha256Of } from "@sluice/oci/content";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ChunkStore } from "../chunk/chunk-store.js";
import { openChunkStore } from "../chunk/segment-chunk-store.js";
import { seededChunk } from "../testing/chunks.js";
import { FakeRegistry, fetched } from "../testing/fake-registry.js";
import { ChunkFetcher } from "./chunk-fetcher.js";

const untilAborted = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason), { once: true }));

describe("a second request", () => {
  const chunks = [seededChunk(1, 8192), seededChunk(2, 8192)];
  let folder: string;
  let store: ChunkStore;
  let registry: FakeRegistry;
  let fetcher: ChunkFetcher;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-hedge-"));
    store = await openChunkStore({ folder, budgetBytes: 32 * 1024 * 1024, maxSlots: 100 });
    registry = new FakeRegistry(chunks);
    fetcher = new ChunkFetcher({ source: registry, store, config: { hedgeAfterMs: 30, retryDelayMs: 1 } });
  });
  afterEach(async () => {
    await fetcher.close();
    await store.close();
    await rm(folder, { recursive: true });
  });

  it("is made for a reader when the first one says nothing, and ends the first one when it has brought the chunk", async () => {
    registry.before = async (range, _, signal) => {
      if (range === registry.asked[0]) await untilAborted(signal);
    };
    const bytes = await fetched(fetcher, registry.place(0), "demand");
    expect(sha256Of(bytes)).toBe(chunks[0]?.id);
    expect(registry.asked).toHaveLength(2);
    await expect.poll(() => registry.open).toBe(0);
    expect(fetcher.stats()).toMatchObject({ inFlight: 0, retries: 0, chunks: 1 });
  });

  it("is ended when the first one is faster after all", async () => {
    registry.before = async (range, _, signal) => {
      if (range === registry.asked[0]) await sleep(80);
      else await untilAborted(signal);
    };
    await fetched(fetcher, registry.place(0), "demand");
    expect(registry.asked).toHaveLength(2);
    await expect.poll(() => registry.open).toBe(0);
  });

  it("is not made for what nobody waits for", async () => {
    registry.before = () => sleep(80);
    await fetched(fetcher, registry.place(0), "read-ahead");
    expect(registry.asked).toHaveLength(1);
  });

  it("leaves the first one alone when it fails", async () => {
    registry.before = async (range) => {
      if (range !== registry.asked[0]) throw new Error("no second one");
      await sleep(120);
    };
    const bytes = await fetched(fetcher, registry.place(1), "demand");
    expect(sha256Of(bytes)).toBe(chunks[1]?.id);
    expect(registry.asked).toHaveLength(2);
  });
});
