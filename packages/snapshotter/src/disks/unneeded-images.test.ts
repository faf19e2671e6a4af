import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, RegistryClient, sha256Of } from "@sluice/oci";
import { TestRegistry } from "@sluice/oci/testing";
import { type ChunkStore, openChunkStore, verifyChunk } from "@sluice/store";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createSilentLog } from "../observe/log.js";
import { resolveImage } from "../resolve/resolve-image.js";
import { createTrustPolicy } from "../resolve/trust.js";
import { NodePaths } from "../state/node-paths.js";
import { pushArtifact, pushSource } from "../testing/sample-image.js";
import { DiskStore } from "./disk-store.js";
import { UnneededImages } from "./unneeded-images.js";

let folder: string;
let diskStore: DiskStore;
let store: ChunkStore;
let registry: TestRegistry;
let needed: Set<Digest>;
let images: UnneededImages;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "unneeded-"));
  diskStore = new DiskStore(new NodePaths(folder));
  store = await openChunkStore({ folder: join(folder, "store"), budgetBytes: 32 * 1024 * 1024, maxSlots: 100 });
  registry = await TestRegistry.start();
  needed = new Set();
  const isNeeded = (artifact: Digest): boolean => needed.has(artifact);
  images = new UnneededImages({ diskStore, store, isNeeded, log: createSilentLog() });
});
afterEach(async () => {
  await registry.close();
  await store.close();
  await rm(folder, { recursive: true });
});

/** An image of one chunk, which is stored. */
async function keptImage(name: string, content: number): Promise<{ artifact: Digest; chunk: Digest }> {
  const bytes = new Uint8Array(4096).fill(content);
  const chunk = sha256Of(bytes);
  const client = new RegistryClient();
  const repository = client.repository(registry.host, name);
  const sha256 = Uint8Array.from(Buffer.from(chunk.slice("sha256:".length), "hex"));
  await pushArtifact(repository, await pushSource(repository, name), ({ toc }) => ({
    toc: { ...toc, chunks: { ...toc.chunks, sha256 } },
  }));
  const image = await resolveImage(repository, name, createTrustPolicy({ policy: "repository", pins: [] }));
  await client.close();
  await diskStore.save(image, { reference: `${registry.host}/${name}:${name}` });
  await store.put(verifyChunk(chunk, bytes));
  return { artifact: image.artifact.manifest.digest, chunk };
}

describe("an image that nobody needs", () => {
  it("goes with the chunks that no other image of the node has", async () => {
    const [one, two, other] = [await keptImage("one", 1), await keptImage("two", 1), await keptImage("other", 2)];
    await images.leave([one.artifact]);
    expect([...(await diskStore.list())].sort()).toEqual([two.artifact, other.artifact].sort());
    expect(await store.has(one.chunk)).toBe(true);
    await images.leave([two.artifact]);
    expect(await store.has(two.chunk)).toBe(false);
    expect(await store.has(other.chunk)).toBe(true);
  });

  it("goes when it was needed before, and is closed", async () => {
    const { artifact, chunk } = await keptImage("one", 1);
    needed.add(artifact);
    await images.leave([artifact]);
    images.onClosed(artifact);
    expect(await store.has(chunk)).toBe(true);
    needed.clear();
    images.onClosed(artifact);
    await vi.waitFor(async () => expect(await store.has(chunk)).toBe(false));
    expect(await diskStore.list()).toEqual([]);
  });

  it("stays when it is closed and nobody said that it may go", async () => {
    const { artifact } = await keptImage("one", 1);
    images.onClosed(artifact);
    await images.remove([]);
    expect(await diskStore.list()).toEqual([artifact]);
  });

  it("leaves the chunks of those that stay to them, whether they are open or not", async () => {
    const { artifact, chunk } = await keptImage("one", 1);
    needed.add(artifact);
    expect(await images.remove([artifact])).toBe(0);
    await images.collectChunks();
    expect(await store.has(chunk)).toBe(true);
  });
});
