import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { encodeToc, type SeekTable, type Toc, TocBuilder } from "@sluice/disk";
import { type ArtifactLayer, parseArtifact } from "@sluice/disk/artifact";
import {
  type AbortOptions,
  createImageManifest,
  type Digest,
  formatReference,
  ociMediaTypes,
  parseDigest,
  parseImageConfig,
  parseReference,
  type Repository,
  sha256Of,
} from "@sluice/oci";
import type { ImageAddress } from "../control/api.js";
import type { DiskStore, StoredDisk } from "../disks/disk-store.js";
import { invalid } from "../resolve/not-streamable.js";
import { decodeTocOf } from "../resolve/resolve-image.js";
import { folderOf, type NodePaths } from "../state/node-paths.js";
import { readFileIfPresent, writeWholeFile } from "../state/whole-file.js";
import { LayerIndexes, namesIn } from "./layer-indexes.js";
import type { KeptLayer, MergedMetadata } from "./merge-layers-job.js";
import type { MergeThreads } from "./merge-threads.js";
import { prefixArtifact } from "./prefix-artifact.js";

export interface PrefixImagesParts {
  readonly paths: NodePaths;
  readonly diskStore: DiskStore;
  readonly openRepository: (address: ImageAddress) => Repository;
  readonly threads: Pick<MergeThreads, "merge" | "prove">;
}

/** Those that were asked for within this time may belong to a pull under way, whose snapshots nobody knows yet. Milliseconds. */
const indexesCollectedAfterMs = 3_600_000;

/**
 * The lowest layers of a streamed image, as an image of their own: another image is built on them. Merged on this node from the indexes of the layers, which are kept from the
 * moment that the image is streamed; only the metadata is new, and lies in a layout below the data root.
 */
export class PrefixImages {
  readonly #parts: PrefixImagesParts;
  readonly #indexes: LayerIndexes;
  readonly #making = new Map<string, Promise<StoredDisk>>();
  readonly #removing = new Map<string, Promise<void>>();
  /** By the digests of the layers: images that share all but their topmost one are proven together. */
  readonly #proofs = new Map<string, Promise<void>>();

  constructor(parts: PrefixImagesParts) {
    this.#parts = parts;
    this.#indexes = new LayerIndexes(parts.paths.layerIndexes);
  }

  /**
   * Keeps what {@link find} needs for each count of layers but all: no registry is asked any more.
   *
   * @throws what the repository throws | {InvalidFormatError} | {DigestMismatchError}
   */
  async prepare(stored: StoredDisk, options?: AbortOptions): Promise<void> {
    await this.#keepIndexes(stored, lowerLayers(stored), options);
  }

  /**
   * Resolves when it is certain that {@link find} can merge what {@link prepare} kept. Once in a life of the daemon for the same layers, whichever images are built on them.
   *
   * @throws {NotStreamableError} ARTIFACT_INVALID
   */
  async prove(stored: StoredDisk): Promise<void> {
    const { digest } = stored.image.artifact;
    const layers = lowerLayers(stored);
    if (layers.length === 0) return;
    const key = layers.map((layer) => layer.digest).join(" ");
    const proof = this.#proofs.get(key) ?? this.#parts.threads.prove(this.#kept(layers));
    this.#proofs.set(key, proof);
    try {
      await proof;
    } catch (error) {
      if (this.#proofs.get(key) === proof) this.#proofs.delete(key);
      const why = error instanceof Error ? error.message : String(error);
      await this.#indexes.forget(layers); // perhaps only damaged here: fetched anew for the next pull
      throw invalid(`the lower layers of ${digest} cannot be merged: ${why}`, { cause: error });
    }
  }

  /** The image of the lowest `count` layers. */
  async find(stored: StoredDisk, count: number, options?: AbortOptions): Promise<StoredDisk> {
    const folder = join(this.#parts.paths.prefixes, `${folderOf(stored.image.artifact.digest)}-${count}`);
    const making =
      this.#making.get(folder) ?? this.#find(stored, count, folder).finally(() => this.#making.delete(folder));
    this.#making.set(folder, making);
    const made = await making;
    options?.signal?.throwIfAborted();
    return made;
  }

  /**
   * Removes what belongs to no needed artifact; indexes of layers only when they were not asked for lately.
   *
   * @param needed artifacts of the snapshots that there are: without one, nobody calls {@link find}
   * @param isOpen a disk that must stay
   */
  async collect(needed: () => readonly Digest[], isOpen: (artifact: Digest) => boolean): Promise<void> {
    const { paths, diskStore } = this.#parts;
    const before = new Date(Date.now() - indexesCollectedAfterMs);
    for (const name of await namesIn(paths.prefixes)) {
      const isNeeded = (): boolean => needed().map(folderOf).includes(name.slice(0, 64));
      await this.#collectFolder(join(paths.prefixes, name), isNeeded, isOpen);
    }
    const layers = new Set<Digest>();
    for (const artifact of needed()) {
      const stored = await diskStore.loadUnlessDamaged(artifact);
      if (!stored) return; // whose layers these are is not known: nothing can be said to be of no use
      for (const { digest } of stored.image.artifact.layers) layers.add(digest);
    }
    for (const key of this.#proofs.keys()) {
      if (!key.split(" ").every((digest) => layers.has(parseDigest(digest, "layers that were proven"))))
        this.#proofs.delete(key);
    }
    await this.#indexes.collect(layers, before);
  }

  async #collectFolder(folder: string, isNeeded: () => boolean, isOpen: (artifact: Digest) => boolean): Promise<void> {
    const known = await this.#known(folder);
    if (isNeeded() || this.#making.has(folder) || (known !== undefined && isOpen(known))) return;
    const removing = this.#remove(folder, known).finally(() => this.#removing.delete(folder));
    this.#removing.set(folder, removing);
    await removing;
  }

  async #remove(folder: string, known: Digest | undefined): Promise<void> {
    if (known !== undefined) await this.#parts.diskStore.remove(known);
    await rm(folder, { recursive: true, force: true });
  }

  async #find(stored: StoredDisk, count: number, folder: string): Promise<StoredDisk> {
    const { diskStore } = this.#parts;
    await this.#removing.get(folder)?.catch(() => undefined); // who removes it was told
    const known = await this.#known(folder);
    const kept = known && (await diskStore.loadUnlessDamaged(known));
    if (kept && (await isWhole(folder, kept))) return kept;
    const made = await this.#make(stored, count, folder);
    await writeWholeFile(noteIn(folder), made.image.artifact.digest);
    return made;
  }

  /** The disk that was made in this folder, if its note can be read. */
  async #known(folder: string): Promise<Digest | undefined> {
    try {
      const note = await readFileIfPresent(noteIn(folder), 100);
      return note && parseDigest(note.toString("utf8"), noteIn(folder));
    } catch {
      return undefined;
    }
  }

  async #make(stored: StoredDisk, count: number, folder: string): Promise<StoredDisk> {
    const { diskStore, openRepository } = this.#parts;
    const { image } = stored;
    const layers = image.artifact.layers.slice(0, count);
    const diffIds = image.config.diffIds.slice(0, count);
    const { os, architecture } = image.config;
    const configBytes = Buffer.from(
      JSON.stringify({ os, architecture, rootfs: { type: "layers", diff_ids: diffIds } }),
    );
    const configBlob = { mediaType: ociMediaTypes.config, digest: sha256Of(configBytes), size: configBytes.length };
    const source = createImageManifest({ config: configBlob, layers: image.source.layers.slice(0, count) });

    const { bytes, blob, table } = await this.#merge(stored, layers);
    await rm(folder, { recursive: true, force: true }); // one that is not whole, or nothing
    const layout = { reference: `oci:${folder}/layout` };
    await openRepository(layout).pushBlob({ digest: blob.digest, size: blob.sizeBytes }, async function* () {
      yield bytes;
    });
    const builder = new TocBuilder(source.digest, blob, table);
    for (const layer of layers) builder.addLayer(layer, seekTableIn(image.toc, layer));
    const tocBytes = encodeToc(builder.build());
    const artifact = parseArtifact(prefixArtifact(source, tocBytes, blob, layers));
    const config = parseImageConfig(configBytes, "config of the lower layers");
    const prefix = { source, config, configBytes, artifact, tocBytes, toc: decodeTocOf(artifact, tocBytes) };
    const places = stored.addresses.map((address) => ownAddress(address, source.digest));
    const addresses = [layout, ...places]; // the last saved is asked first: it has the metadata, and is here
    const [oldest, ...others] = [...addresses].reverse();
    if (oldest) await diskStore.save(prefix, oldest);
    for (const address of others) await diskStore.addAddress(prefix, address);
    return { image: prefix, addresses };
  }

  /** An index whose file was damaged is fetched anew, once. */
  async #merge(stored: StoredDisk, layers: readonly ArtifactLayer[]): Promise<MergedMetadata> {
    const kept = this.#kept(layers);
    await this.#keepIndexes(stored, layers);
    try {
      return await this.#parts.threads.merge(kept);
    } catch (error) {
      await this.#indexes.forget(layers);
      await this.#keepIndexes(stored, layers).catch((again: unknown) => {
        throw new AggregateError(
          [error, again],
          `the lower layers of ${stored.image.artifact.digest} cannot be merged`,
        );
      });
      return await this.#parts.threads.merge(kept);
    }
  }

  #kept(layers: readonly ArtifactLayer[]): readonly KeptLayer[] {
    return layers.map((layer) => ({ blob: layer, path: this.#indexes.path(layer) }));
  }

  /** From the first registry that has them. */
  async #keepIndexes(stored: StoredDisk, layers: readonly ArtifactLayer[], options?: AbortOptions): Promise<void> {
    let failure: unknown = new Error(`${stored.image.artifact.digest}: no registry is known to hold it`);
    for (const address of stored.addresses) {
      try {
        await this.#indexes.keep(layers, this.#parts.openRepository(address), options);
        return;
      } catch (error) {
        options?.signal?.throwIfAborted();
        failure = error;
      }
    }
    throw failure;
  }
}

const lowerLayers = ({ image }: StoredDisk): readonly ArtifactLayer[] => image.artifact.layers.slice(0, -1);

const noteIn = (folder: string): string => join(folder, "disk");

/** Its metadata lies nowhere else. */
const isWhole = (folder: string, { image }: StoredDisk): Promise<boolean> =>
  stat(join(folder, "layout", "blobs", "sha256", folderOf(image.artifact.metadata.digest))).then(
    ({ size }) => size === image.artifact.metadata.sizeBytes,
    () => false,
  );

/** The same place under a name of its own: the name of the whole image must never lead to its lower layers. */
function ownAddress(address: ImageAddress, source: Digest): ImageAddress {
  const { tag: _, ...place } = parseReference(address.reference);
  return { ...address, reference: formatReference({ ...place, digest: source }) };
}

/** The chunks of a layer, as the TOC of the image lists them. A layer without any has none there. */
function seekTableIn({ blobs, regions, chunks }: Toc, { digest }: ArtifactLayer): SeekTable {
  const region = regions.find(({ blob }) => blobs[blob]?.digest === digest);
  const first = region?.firstChunk ?? 0;
  const end = first + (region?.chunkCount ?? 0);
  return {
    count: end - first,
    offset: chunks.offset.slice(first, end),
    compressedSize: chunks.compressedSize.slice(first, end),
    blocks: chunks.blocks.slice(first, end),
    sha256: chunks.sha256.slice(first * 32, end * 32),
  };
}
