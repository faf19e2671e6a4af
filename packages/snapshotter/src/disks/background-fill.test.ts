import { blobKind, type ChunkTable, type Toc } from "@sluice/disk";
import { startupTable } from "@sluice/disk/testing";
import { sha256Of } from "@sluice/oci";
import { beforeEach, describe, expect, it } from "vitest";
import { BackgroundFill } from "./background-fill.js";
import type { ChunkGetter } from "./chunks-ahead.js";
import { DiskMap } from "./disk-map.js";

/** Six chunks of a block and 600,000 compressed bytes; the third is hidden behind a startup chunk, number 6. */
const rows = [0, 1, 2, 3, 4, 5];
const chunks: ChunkTable = {
  count: 6,
  startBlock: Uint32Array.from(rows),
  blocks: new Uint32Array(6).fill(1),
  blob: new Uint16Array(6),
  offset: Float64Array.from(rows, (row) => row * 600_000),
  compressedSize: new Uint32Array(6).fill(600_000),
  sha256: Buffer.concat(rows.map((row) => Buffer.alloc(32, row + 1))),
};
const toc: Toc = {
  diskBlocks: 6,
  source: sha256Of("source"),
  blobs: [blobKind.metadata, blobKind.startup].map((kind) => ({ kind, digest: sha256Of(`${kind}`), sizeBytes: 1e7 })),
  regions: [],
  chunks,
  startup: startupTable([[{ startBlock: 2, blocks: 1 }]], { blob: 1, firstId: 7 }),
};

describe("the fill in the background", () => {
  let stored: Set<number>;
  let asked: number[];
  let demand: number;
  let inFlight: number;
  let failing: Set<number>;
  let bytes: number;
  let degraded: string | undefined;
  let onFetch: () => void;
  let store: (chunk: number) => unknown;
  beforeEach(() => {
    stored = new Set([1]);
    asked = [];
    demand = 0;
    inFlight = 0;
    failing = new Set();
    bytes = 0;
    degraded = undefined;
    onFetch = () => undefined;
    store = (chunk) => stored.add(chunk);
  });
  const map = (): DiskMap =>
    new DiskMap(toc, { slots: Int32Array.from({ length: 7 }, (_, i) => i) }, { isStored: (slot) => stored.has(slot) });
  const fetch: ChunkGetter["fetch"] = async ({ id }, cause, _use, options) => {
    options?.signal?.throwIfAborted();
    const chunk = Number.parseInt(id.slice(7, 9), 16) - 1;
    expect(cause).toBe("background");
    asked.push(chunk);
    onFetch();
    if (failing.has(chunk)) throw new Error("not now");
    if (degraded === undefined) store(chunk);
  };
  const none = { requests: 0, bytes: 0, chunks: 0 };
  const fill = (rateBytesPerSecond = 0, againMs = 5): BackgroundFill =>
    new BackgroundFill({
      chunks: {
        fetch,
        stats: () => ({
          inFlight,
          byCause: { demand: { ...none, requests: demand }, startup: none, "read-ahead": none, background: none },
        }),
      },
      store: { stats: () => ({ bytes, budgetBytes: 1_000_000, degraded }) as never }, // the only numbers that are looked at
      rateBytesPerSecond,
      quietMs: 5,
      againMs,
    });
  const never = new AbortController().signal;

  it("fetches what owns blocks of the disk and is not there, and nothing else", async () => {
    expect(await fill().fill(map(), never)).toBe("complete");
    expect(asked).toEqual([0, 3, 4, 5, 6]);
    expect(await fill().fill(map(), never)).toBe("complete");
    expect(asked).toHaveLength(5);
  });

  it("is complete when what it fetched last is written, not a pause later", async () => {
    store = (chunk) => setTimeout(() => stored.add(chunk), 30);
    expect(await fill(0, 3_600_000).fill(map(), never)).toBe("complete");
    expect(asked).toEqual([0, 3, 4, 5, 6]);
  });

  it("waits while readers wait for the network", async () => {
    inFlight = 1;
    const filling = fill().fill(map(), never);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(asked).toEqual([]);
    inFlight = 0;
    let rounds = 0;
    onFetch = () => {
      if (rounds++ < 2) demand++;
    };
    expect(await filling).toBe("complete");
  });

  it("takes no more of the link than it may", async () => {
    const started = performance.now();
    await fill(30_000_000).fill(map(), never);
    expect(performance.now() - started).toBeGreaterThan(75); // 2.4 MB at 30 MB/s
  });

  it("tries again what failed, until all is there", async () => {
    failing.add(4);
    onFetch = () => {
      if (asked.length > 8) failing.clear();
    };
    expect(await fill().fill(map(), never)).toBe("complete");
    expect(asked.filter((chunk) => chunk === 4).length).toBeGreaterThan(2);
    expect(asked.filter((chunk) => chunk === 3)).toHaveLength(1);
  });

  it("brings what replaces a lost startup blob, and then has everything", async () => {
    const lost = map();
    lost.loseStartup();
    failing.add(6);
    expect(await fill().fill(lost, never)).toBe("complete");
    expect(asked).toEqual([0, 2, 3, 4, 5]);
  });

  it("does not push out of the store what others need", async () => {
    bytes = 1_000_000 - 4 * 4096;
    expect(await fill().fill(map(), never)).toBe("no-room");
    expect(asked).toEqual([]);
  });

  it("tries one chunk a round while the store keeps nothing, and goes on when it does again", async () => {
    degraded = "the disk is full";
    onFetch = () => {
      if (asked.length === 4) degraded = undefined;
    };
    expect(await fill().fill(map(), never)).toBe("complete");
    expect(asked).toEqual([0, 0, 0, 0, 4, 5, 6, 3]);
  });

  it("ends with the disk", async () => {
    const stop = new AbortController();
    onFetch = () => stop.abort(new Error("the disk was closed"));
    await expect(fill().fill(map(), stop.signal)).rejects.toThrow("the disk was closed");
    expect(asked.length).toBeLessThan(3);
  });
});
