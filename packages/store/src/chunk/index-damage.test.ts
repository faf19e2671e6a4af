import { open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hashOfDigest } from "@sluice/oci/content";
import { Level } from "level";
import { describe, expect, it, vi } from "vitest";
import { chunksFrom, countRight, putAll, useTestStore } from "../testing/test-store.js";
import { ChunkIndex } from "./chunk-index.js";

const test = useTestStore();
const chunks = chunksFrom(0, 200, 8 * 1024);
const indexFolder = (): string => join(test.folder, "index");

/** Fills a store in two lives, so that its index has tables as well as a log. */
async function fill(): Promise<void> {
  for (const half of [chunks.slice(0, 100), chunks.slice(100)]) {
    const store = await test.open();
    await putAll(store, half);
    await store.close();
  }
}

async function damage(name: RegExp, change: (path: string, size: number) => Promise<void>): Promise<number> {
  const names = (await readdir(indexFolder())).filter((one) => name.test(one));
  for (const one of names) await change(join(indexFolder(), one), (await stat(join(indexFolder(), one))).size);
  return names.length;
}

/** Every byte of the middle third. */
async function scribble(path: string, size: number): Promise<void> {
  const file = await open(path, "r+");
  const length = Math.max(1, Math.floor(size / 3));
  await file.write(Buffer.alloc(length, 0xa5), 0, length, length);
  await file.close();
}

describe("the index of a store that was damaged while nobody had it open", () => {
  it.each([
    ["CURRENT", /^CURRENT$/],
    ["the manifest", /^MANIFEST/],
    ["the log", /\.log$/],
    ["the tables", /\.ldb$/],
  ])("gives every chunk back after rubbish in %s", async (_, name) => {
    await fill();
    expect(await damage(name, scribble)).toBeGreaterThan(0);
    const store = await test.open();
    await expect.poll(() => countRight(store, chunks), { timeout: 10_000 }).toBe(chunks.length);
    await store.close();
  });

  it.each([
    ["CURRENT", /^CURRENT$/],
    ["the manifest", /^MANIFEST/],
    ["the log", /\.log$/],
    ["the tables", /\.ldb$/],
  ])("gives every chunk back after the loss of %s", async (_, name) => {
    await fill();
    expect(await damage(name, (path) => rm(path))).toBeGreaterThan(0);
    const store = await test.open();
    await expect.poll(() => countRight(store, chunks), { timeout: 10_000 }).toBe(chunks.length);
    await store.close();
  });

  it("is mended from the segments when it has lost entries without a word", async () => {
    await fill();
    const index = await ChunkIndex.open(indexFolder(), () => undefined);
    const lost = chunks.slice(20, 60).map(({ id }) => hashOfDigest(id));
    const places = await index.find(lost);
    await index.remove(
      (places ?? []).flatMap((place, i) => (place ? [{ id: lost[i] ?? new Uint8Array(32), ...place }] : [])),
    );
    await index.close();
    const store = await test.open();
    await expect.poll(() => countRight(store, chunks), { timeout: 10_000 }).toBe(chunks.length);
    expect(test.events.map(({ kind }) => kind)).toContain("rebuilt");
    await store.close();
  });
});

describe("the index of a store that is damaged under it", () => {
  it("forgets no chunk of a disk that is bound while it cannot be read", async () => {
    const store = await test.open();
    const some = chunks.slice(0, 20);
    await putAll(store, some);
    const ids = Buffer.concat(some.map(({ id }) => hashOfDigest(id)));
    const failure = Object.assign(new Error("the disk failed"), { code: "LEVEL_IO_ERROR" });
    const reads = vi.spyOn(Level.prototype, "getMany").mockRejectedValue(failure);
    const binding = await store
      .bind(ids, new Uint32Array(some.length).fill(8 * 1024))
      .finally(() => reads.mockRestore());
    expect(test.events.map(({ kind }) => kind)).toEqual(["degraded"]);
    for (const chunk of some) expect(await store.put(chunk)).toBe("present");
    expect(await countRight(store, some)).toBe(some.length);
    expect([...binding.slots].every((slot) => store.isStored(slot))).toBe(true);
    await binding.close();
    await store.close();
  });

  it("throws in nobody's way when its folder is deleted, and is whole again in the next life", async () => {
    let store = await test.open({ retryAfterMs: 1 });
    await putAll(store, chunks.slice(0, 100));
    await rm(indexFolder(), { recursive: true });
    for (const chunk of chunks.slice(100)) await store.put(chunk);
    expect(await countRight(store, chunks.slice(0, 100))).toBeLessThanOrEqual(100);
    await store.close();
    store = await test.open();
    expect(await countRight(store, chunks)).toBeGreaterThanOrEqual(100);
    await putAll(store, chunks);
    expect(await countRight(store, chunks)).toBe(chunks.length);
    await store.close();
  });

  it("is opened again and compared with the segments after a write failed", async () => {
    const store = await test.open({ retryAfterMs: 1 });
    await putAll(store, chunks.slice(0, 100));
    await store.close();
    const again = await test.open({ retryAfterMs: 1 });
    // A folder in the way of the next table: LevelDB fails to write it and refuses everything from then on.
    await damage(/\.(ldb|log)$/, async (path) => {
      await rm(path);
      await writeFile(path, "rubbish");
    });
    for (const chunk of chunks) await again.put(chunk);
    const putAndCount = async (): Promise<number> => {
      await putAll(again, chunks);
      return await countRight(again, chunks);
    };
    await expect.poll(putAndCount, { timeout: 10_000 }).toBe(chunks.length);
    await again.close();
  });
});
