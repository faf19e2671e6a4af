import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Digest, RegistryClient, type Repository } from "@sluice/oci";
import { TestRegistry } from "@sluice/oci/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSilentLog } from "../observe/log.js";
import { Tracing } from "../observe/tracing.js";
import { type ResolvedImage, resolveImage } from "../resolve/resolve-image.js";
import { createTrustPolicy } from "../resolve/trust.js";
import { NodePaths } from "../state/node-paths.js";
import { pushArtifact, pushSource } from "../testing/sample-image.js";
import { DamagedDiskError, DiskStore } from "./disk-store.js";
import { ImageLookup } from "./image-lookup.js";

const trust = createTrustPolicy({ policy: "repository", pins: [] });
const address = { reference: "r.example/app:1" };

let folder: string;
let paths: NodePaths;
let store: DiskStore;
let registry: TestRegistry;
let client: RegistryClient;
let repository: Repository;
let image: ResolvedImage;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "disk-store-"));
  paths = new NodePaths(folder);
  store = new DiskStore(paths);
  registry = await TestRegistry.start();
  client = new RegistryClient({ retry: { maxAttempts: 1 } });
  repository = client.repository(registry.host, "app");
  await pushArtifact(repository, await pushSource(repository, "1"));
  image = await resolveImage(repository, "1", trust);
});
afterEach(async () => {
  await client.close();
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

describe("the images that a node remembers", () => {
  it("come back whole in the next life", async () => {
    await store.save(image, address);
    const digest = image.artifact.manifest.digest;
    const stored = await new DiskStore(paths).load(digest);
    expect(stored?.image.source.digest).toBe(image.source.digest);
    expect(stored?.image.toc.chunks).toEqual(image.toc.chunks);
    expect(stored?.addresses).toEqual([address]);
    expect(await store.list()).toEqual([digest]);
  });

  it("keep the names they were asked for by, the last first, each once", async () => {
    const second = { reference: "r.example/app:2", plainHttp: true };
    for (const each of [address, second, address]) await store.save(image, each);
    expect((await store.load(image.artifact.manifest.digest))?.addresses).toEqual([address, second]);
    expect((await store.findByReference("r.example/app:2"))?.image.toc.source).toBe(image.toc.source);
    expect(await store.findByReference("r.example/app:3")).toBeUndefined();
  });

  it("lose a name that moved on to another image, and stay to be had by their digest", async () => {
    await pushArtifact(repository, await pushSource(repository, "2"));
    const other = await resolveImage(repository, "2", trust);
    const named = async () => (await store.findByReference(address.reference))?.image.source.digest;
    for (const each of [image, other, image, other]) {
      await store.save(each, address);
      expect(await named()).toBe(each.source.digest);
    }
    await store.addAddress(image, address);
    expect(await named()).toBe(image.source.digest);
    const reference = `r.example/app@${other.source.digest}`;
    expect((await store.load(other.artifact.digest))?.addresses).toEqual([{ reference }]);
  });

  it("are not guessed among two that a name was left to", async () => {
    await pushArtifact(repository, await pushSource(repository, "2"));
    const other = await resolveImage(repository, "2", trust);
    await store.save(image, address);
    const record = join(paths.disk(image.artifact.digest), "record.json");
    const before = await readFile(record);
    await store.save(other, address);
    await writeFile(record, before);
    expect(await store.findByReference(address.reference)).toBeUndefined();
  });

  it("get another name without being written anew", async () => {
    await store.save(image, address);
    const toc = join(paths.disk(image.artifact.digest), "toc.zst");
    const { ino } = await stat(toc);
    const second = { reference: "r.example/second:1" };
    await store.addAddress(image, second);
    await store.addAddress(image, second);
    expect((await store.findByReference(second.reference))?.addresses).toEqual([second, address]);
    expect((await stat(toc)).ino).toBe(ino);
  });

  it("are kept again when they get another name after they were removed", async () => {
    await store.save(image, address);
    expect(await store.removeUnless(image.artifact.digest, () => false)).toBe(true);
    await store.addAddress(image, address);
    expect((await store.load(image.artifact.digest))?.addresses).toEqual([address]);
    expect(await store.removeUnless(image.artifact.digest, () => true)).toBe(false);
    expect(await store.list()).toEqual([image.artifact.digest]);
  });

  it("are kept again when they were removed between being found and being opened; else they stay as they are, without names that moved on", async () => {
    const found = { image, addresses: [address] };
    await store.save(image, address);
    await store.removeUnless(image.artifact.digest, () => false);
    await store.keep(found);
    expect((await store.load(image.artifact.digest))?.addresses).toEqual([address]);
    await pushArtifact(repository, await pushSource(repository, "2"));
    const other = await resolveImage(repository, "2", trust);
    await store.save(other, address);
    await store.keep(found);
    expect((await store.findByReference(address.reference))?.image.source.digest).toBe(other.source.digest);
  });

  it("are one whole record when many save at once", async () => {
    await Promise.all(Array.from({ length: 8 }, () => store.save(image, address)));
    expect(await store.load(image.artifact.manifest.digest)).toBeDefined();
    expect(await readdir(paths.disks)).toHaveLength(1);
  });

  it("are unknown when never saved or removed", async () => {
    const digest = image.artifact.manifest.digest;
    expect(await store.load(digest)).toBeUndefined();
    await store.save(image, address);
    await store.remove(digest);
    expect(await store.load(digest)).toBeUndefined();
  });

  it.each(["toc.zst", "artifact-manifest.json", "source-manifest.json", "image-config.json", "record.json"])(
    "are not believed when %s was changed, and mended by the next save",
    async (file) => {
      const digest = image.artifact.manifest.digest;
      await store.save(image, address);
      await appendFile(join(paths.disk(digest), file), " x");
      await expect(store.load(digest)).rejects.toThrow(DamagedDiskError);
      await store.save(image, address);
      expect((await store.load(digest))?.addresses).toEqual([address]);
    },
  );

  it("are never missed while they are replaced", async () => {
    const digest = image.artifact.manifest.digest;
    await store.save(image, address);
    const saving = Array.from({ length: 8 }, () => store.save(image, address));
    const loads: Promise<unknown>[] = [];
    const over = Promise.all(saving).then(() => "over");
    while ((await Promise.race([over, store.load(digest)])) !== "over") loads.push(store.load(digest));
    for (const loaded of await Promise.all(loads)) expect(loaded).toBeDefined();
  });

  it("come back when a crash left them half replaced", async () => {
    const digest = image.artifact.manifest.digest;
    await store.save(image, address);
    await rename(paths.disk(digest), `${paths.disk(digest)}.old`);
    await store.sweep();
    expect(await store.load(digest)).toBeDefined();
    await cp(paths.disk(digest), `${paths.disk(digest)}.old`, { recursive: true });
    await store.sweep();
    expect(await readdir(paths.disks)).toHaveLength(1);
  });

  it("lose what a crash left half written", async () => {
    await mkdir(join(paths.disks, ".tmp-half"), { recursive: true });
    await writeFile(join(paths.disks, ".tmp-half", "toc.zst"), "half");
    expect(await store.list()).toEqual([]);
    await store.sweep();
    expect(await readdir(paths.disks)).toEqual([]);
  });
});

describe("looking an image up", () => {
  const lookup = (policy = trust): ImageLookup =>
    new ImageLookup({
      disks: store,
      trust: policy,
      openRepository: () => repository,
      tracer: new Tracing(),
      log: createSilentLog(),
    });

  it("keeps it, and needs no registry the next time", async () => {
    await lookup().find(address);
    await registry[Symbol.asyncDispose]();
    const again = await lookup().find(address);
    expect(again.image.artifact.manifest.digest).toBe(image.artifact.manifest.digest);
  });

  it("does not make up an image that was never seen", async () => {
    await registry[Symbol.asyncDispose]();
    await expect(lookup().find(address)).rejects.toMatchObject({ code: "REGISTRY_UNREACHABLE" });
  });

  it("asks the policy of today about an image that another one trusted", async () => {
    const found = await lookup().find(address);
    const pinned = (pin: Digest) => lookup(createTrustPolicy({ policy: "pinned", pins: [pin] }));
    await pinned(image.artifact.manifest.digest).requireTrusted(found);
    const other = pinned(image.source.digest);
    await expect(other.requireTrusted(found)).rejects.toMatchObject({ code: "NOT_TRUSTED" });
    await registry[Symbol.asyncDispose]();
    await expect(other.find(address)).rejects.toMatchObject({ code: "REGISTRY_UNREACHABLE" });
  });

  it("believes a registry that says the image is gone", async () => {
    await lookup().find(address);
    await repository.deleteManifest(image.source.digest);
    await expect(lookup().find(address)).rejects.toMatchObject({ code: "IMAGE_NOT_FOUND" });
  });
});
