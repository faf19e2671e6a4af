import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ChunkStore } from "../chunk/chunk-store.js";
import { FakeRegistry, fetched } from "../testing/fake-registry.js";
import { chunksFrom, useTestStore } from "../testing/test-store.js";
import { ChunkFetcher } from "./chunk-fetcher.js";

class TimeIsUp extends Error {}

describe("what a fetcher remembers of failures", () => {
  const test = useTestStore();
  const chunks = chunksFrom(0, 3, 8192);
  const memoryMs = 200;
  let store: ChunkStore;
  let registry: FakeRegistry;
  let fetcher: ChunkFetcher;

  beforeEach(async () => {
    store = await test.open();
    registry = new FakeRegistry(chunks);
    fetcher = new ChunkFetcher({
      source: registry,
      store,
      config: { retryDelayMs: 1, maxRetryDelayMs: 5, failureMemoryMs: memoryMs },
      isDeadline: (reason) => reason instanceof TimeIsUp,
    });
  });
  afterEach(async () => {
    await fetcher.close();
    await store.close();
  });

  const breakRegistry = (): void => {
    registry.before = async () => {
      throw new Error("the registry is away");
    };
  };
  const mendRegistry = (): void => {
    registry.before = async () => undefined;
  };
  /** A reader of chunk 0 who gives up after a moment, for this reason. */
  const impatient = async (reason: Error): Promise<unknown> => {
    const stop = new AbortController();
    const reading = fetched(fetcher, registry.place(0), "demand", { signal: stop.signal }).catch((e: unknown) => e);
    await sleep(50);
    stop.abort(reason);
    return await reading;
  };

  it("tells the next reader at once what failed until the last one's time was up", async () => {
    breakRegistry();
    expect(await impatient(new TimeIsUp())).toMatchObject({ cause: { message: "the registry is away" } });
    const asked = registry.asked.length;
    await expect(fetched(fetcher, registry.place(0), "demand")).rejects.toMatchObject({
      code: "CHUNK_FETCH_FAILED",
      cause: { message: "the registry is away" },
    });
    expect(registry.asked).toHaveLength(asked);
  });

  it("fetches it again once that is a while ago", async () => {
    breakRegistry();
    await impatient(new TimeIsUp());
    mendRegistry();
    await sleep(memoryMs + 50);
    expect(
      Buffer.compare(await fetched(fetcher, registry.place(0), "demand"), chunks[0]?.bytes ?? Buffer.alloc(0)),
    ).toBe(0);
  });

  it("remembers nothing when the reader just went away", async () => {
    breakRegistry();
    await impatient(new Error("killed"));
    mendRegistry();
    expect(await fetched(fetcher, registry.place(0), "demand")).toHaveLength(8192);
  });

  it("remembers nothing when nothing had failed by then, as on a slow link", async () => {
    registry.before = () => sleep(120);
    expect(await impatient(new TimeIsUp())).toBeInstanceOf(TimeIsUp);
    mendRegistry();
    expect(await fetched(fetcher, registry.place(0), "demand")).toHaveLength(8192);
  });

  it("keeps trying for a reader where reading ahead had just given up", async () => {
    breakRegistry();
    await fetcher.prefetch([registry.place(0)], "read-ahead");
    const asked = registry.asked.length;
    const reading = fetched(fetcher, registry.place(0), "demand");
    await expect.poll(() => registry.asked.length).toBeGreaterThan(asked + 1);
    mendRegistry();
    expect(await reading).toHaveLength(8192);
  });

  it("remembers it of that chunk alone", async () => {
    breakRegistry();
    await impatient(new TimeIsUp());
    mendRegistry();
    expect(await fetched(fetcher, registry.place(1), "demand")).toHaveLength(8192);
  });
});
