import { readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { chunkStoreSuite } from "../testing/chunk-store-suite.js";
import { claimsOf, seededChunk } from "../testing/chunks.js";
import { chunksFrom, countRight, flipByte, putAll, useTestStore } from "../testing/test-store.js";
import { minBudgetBytes } from "./segment-chunk-store.js";

const test = useTestStore();

chunkStoreSuite("The segment store", () => test.open());

describe("the segment store over its lives", () => {
  it("has after a restart what it had before, without reading it", async () => {
    const chunks = chunksFrom(0, 30);
    let store = await test.open();
    await putAll(store, chunks);
    await store.close();
    store = await test.open();
    expect(store.stats().chunks).toBe(30);
    expect(test.events).toEqual([]);
    expect(await countRight(store, chunks)).toBe(30);
    await store.close();
  });

  it("goes on in the segment that it had begun", async () => {
    for (let life = 0; life < 3; life++) {
      const store = await test.open();
      await putAll(store, chunksFrom(life * 5, 5));
      await store.close();
    }
    expect(await test.segmentFiles()).toHaveLength(1);
  });

  it("finds its chunks again when the index is lost", async () => {
    const chunks = chunksFrom(0, 100);
    let store = await test.open();
    await putAll(store, chunks);
    await store.close();
    await rm(join(test.folder, "index"), { recursive: true });
    store = await test.open();
    expect(test.events.map((event) => event.kind)).toContain("rebuilt");
    expect(await countRight(store, chunks)).toBe(100);
    await store.close();
  });

  it("throws a damaged index away and makes it anew", async () => {
    const chunks = chunksFrom(0, 20);
    let store = await test.open();
    await putAll(store, chunks);
    await store.close();
    for (const name of await readdir(join(test.folder, "index"))) {
      if (/^(MANIFEST|CURRENT)/.test(name))
        await writeFile(join(test.folder, "index", name), "rubbish that is no index\n");
    }
    store = await test.open();
    expect(await countRight(store, chunks)).toBe(20);
    await store.close();
  });

  it("cuts off a torn record and keeps those before it", async () => {
    const chunks = chunksFrom(0, 10);
    let store = await test.open();
    for (const chunk of chunks) await store.put(chunk);
    await store.close();
    const [segment = ""] = await test.segmentFiles();
    await truncate(segment, (await stat(segment)).size - 1000);
    store = await test.open();
    expect(test.events.map((event) => event.kind)).toContain("torn");
    expect(await countRight(store, chunks)).toBe(9);
    await store.put(seededChunk("after"));
    expect(await store.has(seededChunk("after").id)).toBe(true);
    await store.close();
  });

  it("loses to a damaged header only the chunk behind it", async () => {
    const chunks = chunksFrom(0, 10);
    let store = await test.open();
    for (const chunk of chunks) await store.put(chunk);
    await store.close();
    const [segment = ""] = await test.segmentFiles();
    await flipByte(segment, 64 + 3 * (64 * 1024 + 64) + 5);
    await rm(join(test.folder, "index"), { recursive: true });
    store = await test.open();
    expect(await countRight(store, chunks)).toBe(9);
    await store.close();
  });

  it("misses the chunks of a segment that somebody deleted, and takes them again", async () => {
    const chunks = chunksFrom(0, 200);
    let store = await test.open();
    await putAll(store, chunks);
    await store.close();
    const [first = ""] = await test.segmentFiles();
    await rm(first);
    store = await test.open();
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
    const store = await test.open();
    await expect(test.open()).rejects.toMatchObject({
      code: "STORE_LOCKED",
      message: expect.stringMatching(new RegExp(`${test.folder} is in use by process ${process.pid}`)),
    });
    await store.close();
  });

  it("refuses a budget that holds nothing", async () => {
    await expect(test.open({ budgetBytes: minBudgetBytes - 1 })).rejects.toThrow(/at least/);
  });
});
