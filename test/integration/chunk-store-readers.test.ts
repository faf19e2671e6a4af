import { mkdtemp, readdir, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { type ChunkStore, minBudgetBytes, openChunkStore, type VerifiedChunk } from "@sluice/store";
import { claimsOf, seededChunk } from "@sluice/store/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

interface Tally {
  readonly hits: number;
  readonly misses: number;
  readonly wrong: number;
}

let folder: string;
let store: ChunkStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-readers-"));
  store = await openChunkStore({ folder, budgetBytes: minBudgetBytes, maxSlots: 1000 });
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

const openSegments = async (): Promise<number> => {
  const links = await Promise.all(
    (await readdir("/proc/self/fd")).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
  );
  return links.filter((link) => link.startsWith(folder) && link.includes(".seg")).length;
};

/** Reader threads that run until `work` is done. */
async function besideReaders(
  chunks: readonly VerifiedChunk[],
  slots: Int32Array,
  work: () => Promise<void>,
): Promise<Tally[]> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const tallies = Array.from({ length: 2 }, () => {
    const reader = store.addReader();
    const worker = new Worker(new URL("../support/store-reader-worker.mjs", import.meta.url), {
      workerData: { shared: store.shared, reader, slots, chunks: chunks.map((chunk) => chunk.bytes), stop },
    });
    return new Promise<Tally>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => store.removeReader(reader));
    });
  });
  try {
    await work();
  } finally {
    Atomics.store(stop, 0, 1);
  }
  return await Promise.all(tallies);
}

describe("readers on their own threads", () => {
  it("never see a wrong byte while their segments are evicted, refilled and collected, and no descriptor leaks", async () => {
    const chunks = Array.from({ length: 400 }, (_, i) => seededChunk(i, 60_000 + (i % 5) * 20_000)); // twice the budget
    const { ids, lengths } = claimsOf(chunks);
    const binding = await store.bind(ids, lengths);
    const until = Date.now() + 8000;
    let puts = 0;
    const tallies = await besideReaders(chunks, binding.slots, async () => {
      for (let round = 0; Date.now() < until; round++) {
        for (let i = 0; i < chunks.length && Date.now() < until; i += 10) {
          await Promise.all(chunks.slice(i, i + 10).map((chunk) => store.put(chunk)));
          puts += 10;
          store.mark(binding.slots[i + 5] ?? 0);
        }
        if (round % 3 === 2) await store.gc();
      }
    });
    for (const tally of tallies) {
      expect(tally.wrong).toBe(0);
      expect(tally.hits).toBeGreaterThan(300);
      expect(tally.misses).toBeGreaterThan(100);
    }
    expect(store.stats().damaged).toBe(0);
    expect(store.stats().evictions).toBeGreaterThan(chunks.length);
    expect(puts).toBeGreaterThan(chunks.length);
    expect(store.stats().readers.hits).toBe(tallies.reduce((sum, tally) => sum + tally.hits, 0));
    expect(await openSegments()).toBe(store.stats().segments);
  });

  it("verify what an earlier life stored, all at once, and find it right", async () => {
    const chunks = Array.from({ length: 100 }, (_, i) => seededChunk(i, 100_000));
    for (const chunk of chunks) await store.put(chunk);
    await store.close();
    store = await openChunkStore({ folder, budgetBytes: minBudgetBytes, maxSlots: 1000 });
    const { ids, lengths } = claimsOf(chunks);
    const binding = await store.bind(ids, lengths);
    const tallies = await besideReaders(chunks, binding.slots, async () => {
      await expect.poll(() => store.stats().readers.hits, { timeout: 20_000 }).toBeGreaterThan(1000);
    });
    for (const tally of tallies) {
      expect(tally.wrong).toBe(0);
      expect(tally.misses).toBe(0);
    }
  });

  it("do not hold up an eviction when a thread dies inside a read", async () => {
    const dead = store.addReader();
    const passage = new Int32Array(store.shared.readers, dead * 128, 1);
    Atomics.add(passage, 0, 1); // as a thread leaves it that is terminated in the middle
    const filling = (async () => {
      for (let i = 0; i < 300; i++) await store.put(seededChunk(i, 100_000));
    })();
    await new Promise((resolve) => setTimeout(resolve, 100));
    store.removeReader(dead);
    await filling;
    expect(store.stats()).toMatchObject({ degraded: undefined, notStored: 0 });
    expect(store.stats().bytes).toBeLessThanOrEqual(minBudgetBytes);
  });

  it("make an eviction wait while one of them is inside a read", async () => {
    const inside = store.addReader();
    const passage = new Int32Array(store.shared.readers, inside * 128, 1);
    const segments = (): Promise<string[]> => readdir(join(folder, "segments"));
    await store.put(seededChunk("first", 100_000));
    Atomics.add(passage, 0, 1);
    let i = 0;
    while (store.stats().evictions === 0) await store.put(seededChunk(i++, 100_000));
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await segments()).toContain("00000001.seg");
    expect(await store.has(seededChunk("first", 100_000).id)).toBe(false);
    Atomics.add(passage, 0, 1);
    await expect.poll(segments).not.toContain("00000001.seg");
  });
});
