import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  blobKind,
  encodeBlobTail,
  encodeLayerIndex,
  encodeToc,
  footerDigest,
  footerOf,
  payloadOf,
  SeekTableBuilder,
  TocBuilder,
} from "@sluice/disk";
import { type ArtifactBlob, type ArtifactLayer, parseArtifact } from "@sluice/disk/artifact";
import { layerOf, type TestEntry } from "@sluice/disk/testing";
import {
  createImageManifest,
  type Digest,
  ociMediaTypes,
  parseImageConfig,
  type Repository,
  sha256Of,
} from "@sluice/oci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ImageAddress } from "../control/api.js";
import { DiskStore, type StoredDisk } from "../disks/disk-store.js";
import { Registries } from "../disks/registries.js";
import { decodeTocOf } from "../resolve/resolve-image.js";
import { NodePaths } from "../state/node-paths.js";
import { mergeKeptLayers, proveKeptLayers } from "./merge-layers-job.js";
import { prefixArtifact } from "./prefix-artifact.js";
import { PrefixImages, type PrefixImagesParts } from "./prefix-images.js";

let folder: string;
let paths: NodePaths;
let diskStore: DiskStore;
let registries: Registries;
let prefixes: PrefixImages;
let merges: number;
let proofs: number;
const lives = new Set<Digest>();

const open = (openRepository: PrefixImagesParts["openRepository"] = registries.open.bind(registries)): PrefixImages =>
  new PrefixImages({
    paths,
    diskStore,
    openRepository,
    threads: {
      merge: async (layers) => {
        merges++;
        return await mergeKeptLayers(layers);
      },
      prove: async (layers) => {
        proofs++;
        await proveKeptLayers(layers);
      },
    },
  });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "prefix-images-"));
  paths = new NodePaths(join(folder, "root"));
  diskStore = new DiskStore(paths);
  registries = new Registries();
  merges = 0;
  proofs = 0;
  lives.clear();
  prefixes = open();
});
afterEach(async () => {
  await registries.close();
  await rm(folder, { recursive: true, force: true });
});

const emptyTable = () => new SeekTableBuilder().finish();
/** Stands where the registry of the image does. */
const registry = () => `oci:${join(folder, "registry")}`;
const registryGoesAway = () => rm(join(folder, "registry"), { recursive: true });

async function pushLayer(entries: readonly TestEntry[]): Promise<ArtifactLayer> {
  const index = payloadOf(encodeLayerIndex(layerOf(entries)));
  const seekTable = emptyTable();
  const tail = { kind: blobKind.layer, framesEnd: 0, dataBlocks: 0, seekTable, index, recipe: payloadOf(Buffer.of(1)) };
  const pieces: Uint8Array[] = [];
  for await (const piece of encodeBlobTail(tail)) pieces.push(piece.slice());
  const bytes = Buffer.concat(pieces);
  const blob = { digest: sha256Of(bytes), sizeBytes: bytes.length, footerDigest: footerDigest(footerOf(tail)) };
  await registries
    .open({ reference: registry() })
    .pushBlob({ digest: blob.digest, size: bytes.length }, async function* () {
      yield bytes;
    });
  const source = sha256Of(JSON.stringify(entries));
  return { ...blob, source, diffId: source, uncompressedBytes: 1024 };
}

/** An image of these layers that is streamed. What its whole tree is made of does not matter here. */
async function streamedImage(...layers: readonly (readonly TestEntry[])[]): Promise<StoredDisk> {
  const blobs = await Promise.all(layers.map(pushLayer));
  const diffIds = blobs.map(({ diffId }) => diffId);
  const configBytes = Buffer.from(
    JSON.stringify({ os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: diffIds } }),
  );
  const config = { mediaType: ociMediaTypes.config, digest: sha256Of(configBytes), size: configBytes.length };
  const source = createImageManifest({
    config,
    layers: blobs.map(({ source: digest }) => ({ mediaType: ociMediaTypes.layer, digest, size: 10 })),
  });
  const table = new SeekTableBuilder();
  table.add(0, 10, 1, Buffer.alloc(32, 7));
  const metadata: ArtifactBlob = { digest: sha256Of("metadata"), sizeBytes: 300, footerDigest: sha256Of("footer") };
  const builder = new TocBuilder(source.digest, metadata, table.finish());
  for (const blob of blobs) builder.addLayer(blob, emptyTable());
  const tocBytes = encodeToc(builder.build());
  const artifact = parseArtifact(prefixArtifact(source, tocBytes, metadata, blobs));
  const toc = decodeTocOf(artifact, tocBytes);
  const image = { source, config: parseImageConfig(configBytes, "config"), configBytes, artifact, tocBytes, toc };
  const address = { reference: registry() };
  await diskStore.save(image, address);
  return { image, addresses: [address] };
}

const base: readonly TestEntry[] = [{ path: "bin", type: "directory" }, { path: "bin/sh" }];
const middle: readonly TestEntry[] = [{ path: "bin/sh", type: "whiteout" }, { path: "bin/bash" }];
const top: readonly TestEntry[] = [{ path: "app" }];
const isOpen = (artifact: Digest): boolean => lives.has(artifact);
const kept = (): Promise<string[]> => readdir(paths.layerIndexes);
const grownOld = async (): Promise<void> => {
  for (const parent of [paths.layerIndexes, paths.prefixes]) {
    for (const name of await readdir(parent).catch(() => [])) await utimes(join(parent, name), 0, 0);
  }
};

describe("the lower layers of a streamed image", () => {
  it("are merged without any registry once they were prepared, for each count of layers", async () => {
    const image = await streamedImage(base, middle, top);
    await prefixes.prepare(image);
    await registryGoesAway();
    const one = await prefixes.find(image, 1);
    const two = await prefixes.find(image, 2);
    expect(one.image.config.diffIds).toEqual(image.image.config.diffIds.slice(0, 1));
    expect(two.image.artifact.layers).toEqual(image.image.artifact.layers.slice(0, 2));
    expect(two.image.artifact.metadata.digest).not.toBe(one.image.artifact.metadata.digest);
    const blob = { digest: two.image.artifact.metadata.digest, size: two.image.artifact.metadata.sizeBytes };
    const [place] = two.addresses;
    if (!place) throw new Error("a prefix has an address");
    expect(await registries.open(place).blobSize(blob.digest)).toBe(blob.size);
  });

  it("keep no index of the topmost layer, which nothing needs", async () => {
    await prefixes.prepare(await streamedImage(base, middle, top));
    expect(await kept()).toHaveLength(2);
    await prefixes.prepare(await streamedImage(base));
    expect(await kept()).toHaveLength(2);
  });

  it("are not fetched again when another image has the same", async () => {
    await prefixes.prepare(await streamedImage(base, top));
    const other = await streamedImage(base, middle);
    await registryGoesAway();
    await prefixes.prepare(other);
    expect(await prefixes.find(other, 1)).toBeDefined();
  });

  it("are merged once, however many ask, and not again by the next daemon", async () => {
    const image = await streamedImage(base, top);
    await prefixes.prepare(image);
    const found = await Promise.all([1, 2, 3].map(() => prefixes.find(image, 1)));
    expect(new Set(found.map((each) => each.image.artifact.digest)).size).toBe(1);
    expect((await open().find(image, 1)).image.artifact.digest).toBe(found[0]?.image.artifact.digest);
    expect(merges).toBe(1);
  });

  it("are merged anew when what was made is not whole any more", async () => {
    const image = await streamedImage(base, top);
    await prefixes.prepare(image);
    const made = await prefixes.find(image, 1);
    await rm(join(paths.prefixes, `${image.image.artifact.digest.slice(7)}-1`, "layout"), { recursive: true });
    expect((await prefixes.find(image, 1)).image.artifact.digest).toBe(made.image.artifact.digest);
    await diskStore.remove(made.image.artifact.digest);
    expect((await prefixes.find(image, 1)).image.artifact.digest).toBe(made.image.artifact.digest);
    expect(merges).toBe(3);
  });

  it("come from the registry again when a kept index is damaged", async () => {
    const image = await streamedImage(base, top);
    await prefixes.prepare(image);
    const [name = ""] = await kept();
    const path = join(paths.layerIndexes, name);
    const bytes = await readFile(path);
    await writeFile(path, bytes.fill(0, 200));
    await prefixes.find(image, 1);
    expect(await readFile(path)).not.toEqual(bytes);
  });

  it("say what is wrong when a kept index is damaged and the registry is away", async () => {
    const image = await streamedImage(base, top);
    await prefixes.prepare(image);
    const [name = ""] = await kept();
    await writeFile(join(paths.layerIndexes, name), "rot");
    await registryGoesAway();
    await expect(prefixes.find(image, 1)).rejects.toThrow(/lower layers of sha256:.* cannot be merged/);
  });

  it("are refused at once, with nothing kept, when the registry gives other bytes", async () => {
    const image = await streamedImage(base, top);
    const [layer] = image.image.artifact.layers;
    const path = join(folder, "registry", "blobs", "sha256", (layer?.digest ?? "").slice(7));
    const bytes = await readFile(path);
    await rm(path);
    await writeFile(path, bytes.fill(0, 10, 20));
    await expect(prefixes.prepare(image)).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(await kept()).toEqual([]);
  });

  it("come from the registry when what stands before it gives other bytes", async () => {
    const image = await streamedImage(base, top);
    const doubted: Digest[] = [];
    const behindMirror = (address: ImageAddress): Repository => {
      const repository = registries.open(address);
      const readBlobRange: Repository["readBlobRange"] = async function* (digest, range, options) {
        for await (const piece of repository.readBlobRange(digest, range, options)) {
          yield doubted.includes(digest) ? piece : Buffer.alloc(piece.length);
        }
      };
      const doubt = (digest: Digest): void => void doubted.push(digest);
      return { readBlobRange, doubt } as Partial<Repository> as Repository; // nothing else is asked of it
    };
    await open(behindMirror).prepare(image);
    expect(doubted).toEqual([image.image.artifact.layers[0]?.digest]);
    expect(await kept()).toHaveLength(1);
  });

  it("are asked for at the next place when one has them no more", async () => {
    const image = await streamedImage(base, top);
    const gone = { reference: `oci:${join(folder, "gone")}` };
    await prefixes.prepare({ ...image, addresses: [gone, ...image.addresses] });
    expect(await kept()).toHaveLength(1);
  });

  const broken: readonly (readonly [string, readonly TestEntry[]])[] = [
    ["a hard link to nothing", [{ path: "link", type: "hardLink", target: "nothing" }]],
    ["a file in a file of its own", [{ path: "file" }, { path: "file/below" }]],
    [
      "a loop of links with something in it",
      [{ path: "a", type: "symlink", target: "b" }, { path: "b", type: "symlink", target: "a" }, { path: "a/below" }],
    ],
  ];
  it.each(broken)("are found to be beyond merging before anybody relies on them: %s", async (_, layer) => {
    for (const layers of [
      [layer, top],
      [base, layer, top],
      [base, layer, middle, top],
    ]) {
      const image = await streamedImage(...layers);
      await prefixes.prepare(image);
      await expect(prefixes.prove(image)).rejects.toMatchObject({
        code: "ARTIFACT_INVALID",
        message: expect.stringMatching(/cannot be merged: layer \d: /),
      });
      await expect(prefixes.find(image, layers.length - 1)).rejects.toThrow();
    }
    const alone = await streamedImage(base, layer); // nothing is ever merged with the topmost layer here
    await prefixes.prepare(alone);
    await prefixes.prove(alone);
  });

  it("are proven to merge once, without a registry, and again when the proof failed", async () => {
    const image = await streamedImage(base, middle, top);
    await prefixes.prepare(image);
    const [name = ""] = await kept();
    const path = join(paths.layerIndexes, name);
    await writeFile(path, (await readFile(path)).fill(0, 200));
    await expect(prefixes.prove(image)).rejects.toMatchObject({ code: "ARTIFACT_INVALID" });
    await prefixes.prepare(image);
    await registryGoesAway();
    await prefixes.prove(image);
    await prefixes.prove(image);
    expect(proofs).toBe(2);
    for (const count of [1, 2]) expect(await prefixes.find(image, count)).toBeDefined();
  });

  it("are proven once for all images that are built on them, however many ask at once", async () => {
    const images = [await streamedImage(base, middle, top), await streamedImage(base, middle, [{ path: "other" }])];
    for (const image of images) await prefixes.prepare(image);
    await Promise.all(images.map((image) => prefixes.prove(image)));
    expect(proofs).toBe(1);
    await prefixes.collect(() => [], isOpen);
    for (const image of images) await prefixes.prove(image);
    expect(proofs).toBe(2);
  });

  it("end with the caller's signal", async () => {
    const image = await streamedImage(base, top);
    await expect(prefixes.prepare(image, { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow("enough");
    expect(await kept()).toEqual([]);
  });
});

describe("collecting the lower layers of images", () => {
  it("takes all that no snapshot needs, and leaves what one does", async () => {
    const wanted = await streamedImage(base, top);
    const other = await streamedImage(base, middle, top);
    for (const each of [wanted, other]) await prefixes.prepare(each);
    const [stays, goes] = [await prefixes.find(wanted, 1), await prefixes.find(other, 2)];
    await grownOld();
    await prefixes.collect(() => [wanted.image.artifact.digest], isOpen);
    expect(await kept()).toEqual([wanted.image.artifact.layers[0]?.digest.slice(7)]);
    expect(await readdir(paths.prefixes)).toEqual([`${wanted.image.artifact.digest.slice(7)}-1`]);
    expect(await diskStore.load(stays.image.artifact.digest)).toBeDefined();
    expect(await diskStore.load(goes.image.artifact.digest)).toBeUndefined();
  });

  it("leaves indexes that were just asked for, whose snapshots may be on their way, and disks that are open", async () => {
    const image = await streamedImage(base, top);
    await prefixes.prepare(image);
    const made = await prefixes.find(image, 1);
    lives.add(made.image.artifact.digest);
    await prefixes.collect(() => [], isOpen);
    expect(await kept()).toHaveLength(1);
    expect(await readdir(paths.prefixes)).toHaveLength(1);
    lives.clear();
    await prefixes.collect(() => [], isOpen);
    expect(await readdir(paths.prefixes)).toEqual([]);
    expect(await kept()).toHaveLength(1);
    await grownOld();
    await prefixes.collect(() => [], isOpen);
    expect(await kept()).toEqual([]);
  });

  it("makes again what is asked for while it is taken", async () => {
    const image = await streamedImage(base, top);
    await prefixes.prepare(image);
    const { artifact } = (await prefixes.find(image, 1)).image;
    let again: Promise<StoredDisk> | undefined;
    const isTaken = (): boolean => {
      queueMicrotask(() => {
        again = prefixes.find(image, 1);
      });
      return false;
    };
    await prefixes.collect(() => [], isTaken);
    expect((await again)?.image.artifact.digest).toBe(artifact.digest);
    expect(await diskStore.load(artifact.digest)).toBeDefined();
  });
});
