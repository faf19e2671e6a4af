import { mkdir, mkdtemp, readdir, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ArtifactLayer } from "@sluice/disk/artifact";
import { type Digest, sha256Of } from "@sluice/oci";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LayerCache } from "./layer-cache.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-cache-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const layerOf = (content: string): ArtifactLayer => ({
  source: sha256Of(`source of ${content}`),
  digest: sha256Of(content),
  sizeBytes: content.length,
  footerDigest: sha256Of("footer"),
  diffId: sha256Of("tar"),
  uncompressedBytes: 1024,
});

async function put(cache: LayerCache, content: string): Promise<ArtifactLayer> {
  const layer = layerOf(content);
  await using file = await cache.create();
  await file.handle.writeFile(content);
  await using _kept = await file.keep(layer);
  return layer;
}

async function read(cache: LayerCache, source: Digest): Promise<string | undefined> {
  await using found = await cache.find(source);
  return found && (await found.handle.readFile("utf8"));
}

describe("LayerCache", () => {
  it("gives back what was kept, to the next process too", async () => {
    const layer = await put(await LayerCache.open(directory), "content");
    const cache = await LayerCache.open(directory);
    expect(await read(cache, layer.source)).toBe("content");
    await using found = await cache.find(layer.source);
    expect(found?.layer).toEqual(layer);
    expect(await cache.find(sha256Of("unknown"))).toBeUndefined();
  });

  it("leaves nothing of a blob that was not kept", async () => {
    const cache = await LayerCache.open(directory);
    {
      await using file = await cache.create();
      await file.handle.writeFile("half");
    }
    expect(await readdir(join(directory, "new"))).toEqual([]);
  });

  it("removes what a dead process left half written, and nothing of a living one", async () => {
    await mkdir(join(directory, "new"), { recursive: true });
    await writeFile(join(directory, "new", "999999999-dead"), "half");
    await writeFile(join(directory, "new", `${process.pid}-alive`), "half");
    await LayerCache.open(directory);
    expect(await readdir(join(directory, "new"))).toEqual([`${process.pid}-alive`]);
  });

  it("forgets a layer whose blob was cut or whose record is damaged", async () => {
    const cache = await LayerCache.open(directory);
    const cut = await put(cache, "cut later");
    await truncate(join(directory, "blobs", cut.digest.slice(7)), 3);
    expect(await read(cache, cut.source)).toBeUndefined();
    const damaged = await put(cache, "damaged later");
    await writeFile(join(directory, "layers", `${damaged.source.slice(7)}.json`), "{");
    expect(await read(cache, damaged.source)).toBeUndefined();
  });

  it("forgets a blob that rotted, and its file, so that it can be kept anew", async () => {
    const cache = await LayerCache.open(directory);
    const layer = await put(cache, "content");
    await writeFile(join(directory, "blobs", layer.digest.slice(7)), "c0ntent");
    expect(await read(cache, layer.source)).toBeUndefined();
    expect([await readdir(join(directory, "blobs")), await readdir(join(directory, "layers"))]).toEqual([[], []]);
    await put(cache, "content");
    expect(await read(cache, layer.source)).toBe("content");
  });

  it("stops reading when the caller leaves", async () => {
    const cache = await LayerCache.open(directory);
    const { source } = await put(cache, "content");
    await expect(cache.find(source, { signal: AbortSignal.abort(new Error("left")) })).rejects.toThrow("left");
  });

  it("counts a blob that two layers share once, and removes it with the last of them", async () => {
    const cache = await LayerCache.open(directory, 10);
    const layer = await put(cache, "shared");
    const other = { ...layer, source: sha256Of("the same tar, packed otherwise") };
    {
      await using file = await cache.create();
      await file.handle.writeFile("shared");
      await using _kept = await file.keep(other);
    }
    await cache.evict();
    expect([await read(cache, layer.source), await read(cache, other.source)]).toEqual(["shared", "shared"]);
    const small = await LayerCache.open(directory, 0);
    await small.evict();
    expect([await readdir(join(directory, "blobs")), await readdir(join(directory, "layers"))]).toEqual([[], []]);
  });

  it("removes blobs that no record names, once they are old", async () => {
    const cache = await LayerCache.open(directory);
    const layer = await put(cache, "content");
    await rm(join(directory, "layers", `${layer.source.slice(7)}.json`));
    await cache.evict();
    expect(await readdir(join(directory, "blobs"))).toHaveLength(1);
    vi.useFakeTimers({ now: Date.now() + 2 * 60 * 60 * 1000, toFake: ["Date"] });
    await cache.evict();
    vi.useRealTimers();
    expect(await readdir(join(directory, "blobs"))).toEqual([]);
  });

  it("evicts the longest unused beyond its budget, and leaves open ones readable", async () => {
    const cache = await LayerCache.open(directory, 10);
    const old = await put(cache, "old 6b");
    const used = await put(cache, "use 6b");
    const past = new Date(1_000_000);
    await utimes(join(directory, "layers", `${old.source.slice(7)}.json`), past, past);
    await using open = await cache.find(used.source);
    await cache.evict();
    expect(await read(cache, old.source)).toBeUndefined();
    expect(await read(cache, used.source)).toBe("use 6b");
    await put(cache, "new 6b");
    await utimes(join(directory, "layers", `${used.source.slice(7)}.json`), past, past);
    await cache.evict();
    expect(await open?.handle.readFile("utf8")).toBe("use 6b");
  });
});
