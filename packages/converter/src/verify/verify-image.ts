import { join } from "node:path";
import {
  blockSizeBytes,
  encodeToc,
  InvalidFormatError,
  InvalidLayerError,
  type LayerIndex,
  readRecipe,
  readSection,
  rebuildTar,
} from "@sluice/disk";
import type { Artifact, ArtifactLayer } from "@sluice/disk/artifact";
import {
  type AbortOptions,
  type Digest,
  DigestMismatchError,
  isNotFound,
  type Repository,
  SizeMismatchError,
  sha256Of,
} from "@sluice/oci";
import type { ImagePlace } from "../convert-image.js";
import { imageDisk } from "../publish/image-disk.js";
import { imageToc } from "../publish/image-toc.js";
import type { SourceImage } from "../source/select-image.js";
import { findConverted, type OpenedBlob, openBlob, readIndex, readToc } from "./artifact-reader.js";
import { ByteComparison } from "./byte-comparison.js";
import { readChunks } from "./data-space.js";
import { spoolData } from "./spooled-data.js";

export interface VerifyOptions extends AbortOptions {
  /** Data root; temporary files, as large as the largest layer, lie below it. */
  readonly root: string;
  /** Told of each layer when it is done. */
  readonly onLayer?: ((layer: VerifiedLayer) => void) | undefined;
}

export interface VerifiedLayer {
  readonly diffId: Digest;
  /** Its tar, rebuilt from the artifact, is the one the image's config names, and all its chunks are whole. */
  readonly ok: boolean;
}

/** What `verify -o json` prints. */
export interface VerifyResult {
  readonly ok: boolean;
  readonly layers: readonly VerifiedLayer[];
  /** Sentences that name the blob and the place. */
  readonly problems: readonly string[];
}

/**
 * Proves that the artifact of an image is that image: rebuilds the tar of every layer and compares its DiffID with the image's config, checks
 * every chunk, merges the layers again and compares the metadata, and compares the TOC with the blobs.
 *
 * @throws {ConversionError} when the image has no artifact; errors of the registry come through
 */
export async function verifyImage(place: ImagePlace, options: VerifyOptions): Promise<VerifyResult> {
  const { image, artifact } = await findConverted(place, options);
  return new Verification(place.repository, image, artifact, options).run();
}

interface CheckedLayer {
  readonly opened: OpenedBlob;
  readonly index: LayerIndex;
}

class Verification {
  readonly #repository: Repository;
  readonly #image: SourceImage;
  readonly #artifact: Artifact;
  readonly #options: VerifyOptions;
  readonly #problems: string[] = [];

  constructor(repository: Repository, image: SourceImage, artifact: Artifact, options: VerifyOptions) {
    this.#repository = repository;
    this.#image = image;
    this.#artifact = artifact;
    this.#options = options;
  }

  async run(): Promise<VerifyResult> {
    const { layers } = this.#artifact;
    const { diffIds } = this.#image.config;
    if (layers.length !== diffIds.length) {
      this.#problems.push(`artifact ${this.#artifact.digest} has ${layers.length} layers, the image ${diffIds.length}`);
    }
    const opened = new Map<Digest, CheckedLayer>();
    const verified: VerifiedLayer[] = [];
    for (const [i, diffId] of diffIds.entries()) {
      const layer = layers[i];
      const before = this.#problems.length;
      if (layer !== undefined) await this.#layer(layer, i, diffId, opened);
      const result = { diffId, ok: layer !== undefined && this.#problems.length === before };
      verified.push(result);
      this.#options.onLayer?.(result);
    }
    if (opened.size === new Set(layers.map(({ digest }) => digest)).size) await this.#disk(opened);
    return { ok: this.#problems.length === 0, layers: verified, problems: this.#problems };
  }

  async #layer(layer: ArtifactLayer, i: number, diffId: Digest, opened: Map<Digest, CheckedLayer>): Promise<void> {
    const what = `layer ${i + 1}, blob ${layer.digest}`;
    const source = this.#image.manifest.layers[i]?.digest;
    if (layer.source !== source) this.#problems.push(`${what}: made of ${layer.source}, the image has ${source}`);
    if (layer.diffId !== diffId) this.#problems.push(`${what}: says DiffID ${layer.diffId}, the image says ${diffId}`);
    if (opened.has(layer.digest)) return;
    await this.#noting(what, async () => {
      const blob = await openBlob(this.#repository, layer, this.#options);
      opened.set(layer.digest, { opened: blob, index: await readIndex(blob, this.#options) });
      await this.#rebuild(blob, layer, diffId, what);
    });
  }

  async #rebuild(blob: OpenedBlob, layer: ArtifactLayer, diffId: Digest, what: string): Promise<void> {
    const { remote, footer, seekTable } = blob;
    const { recipe } = footer;
    if (recipe === undefined) throw new InvalidFormatError("footer", "recipe", "one, as in every layer", "none");
    let damaged = 0;
    await using data = await spoolData(remote, seekTable, {
      ...this.#options,
      temporaryDirectory: join(this.#options.root, "tmp"),
      onDamage: (_, damage) => {
        damaged++;
        this.#problems.push(`${what}: ${damage.message}`);
      },
    });
    if (damaged > 0) return; // the tar cannot be right, and the cause is named
    const tarBytes = layer.uncompressedBytes;
    const instructions = readRecipe(readSection(remote, recipe, "recipe", this.#options), footer.dataBlocks);
    const tar = rebuildTar(instructions, data.read, { ...this.#options, diffId, tarBytes });
    for await (const piece of tar) if (piece.length === 0) return; // the generator checks at its end
  }

  /** Metadata and TOC must be what these layers give. */
  async #disk(opened: ReadonlyMap<Digest, CheckedLayer>): Promise<void> {
    const { layers, metadata, startup, digest } = this.#artifact;
    const merged = layers.flatMap((layer) => {
      const found = opened.get(layer.digest);
      return found === undefined ? [] : [{ layer, ...found }];
    });
    await this.#noting(`metadata blob ${metadata.digest}`, async () => {
      const blob = await openBlob(this.#repository, metadata, this.#options);
      const disk = imageDisk(merged.map(({ layer, index }) => ({ digest: layer.digest, index })));
      await this.#compareMetadata(blob, disk.metadata());
      const toc = await readToc(this.#repository, this.#artifact, this.#options);
      const tables = merged.map(({ layer, opened: { seekTable } }) => ({ ...layer, seekTable }));
      const again = imageToc(
        toc.source,
        { ...metadata, seekTable: blob.seekTable },
        tables,
        startup && { blob: startup, chunks: toc.startup },
      );
      if (sha256Of(encodeToc(again)) !== sha256Of(encodeToc(toc))) {
        this.#problems.push(`TOC of artifact ${digest}: does not say where the blobs have their chunks`);
      }
    });
  }

  async #compareMetadata({ remote, seekTable }: OpenedBlob, expected: Iterable<Uint8Array>): Promise<void> {
    const wanted = new ByteComparison(expected);
    for await (const chunk of readChunks(remote, seekTable, this.#options)) {
      if ("damage" in chunk) throw chunk.damage;
      const bytes =
        "bytes" in chunk ? chunk.bytes : new Uint8Array((seekTable.blocks[chunk.row] ?? 0) * blockSizeBytes);
      const differs = wanted.firstDifference(bytes);
      if (differs !== undefined)
        throw new InvalidFormatError("metadata", `byte ${differs}`, "what the layers give", "other bytes");
    }
    if (!wanted.atEnd()) throw new InvalidFormatError("metadata", "length", "what the layers give", "less");
  }

  /** What is wrong with the artifact becomes a problem; what is wrong with the road to it is thrown. */
  async #noting(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!isFaultOfArtifact(error)) throw error;
      this.#problems.push(`${what}: ${error.message}`);
    }
  }
}

const isFaultOfArtifact = (error: unknown): error is Error =>
  error instanceof InvalidFormatError ||
  error instanceof DigestMismatchError ||
  error instanceof SizeMismatchError ||
  error instanceof InvalidLayerError ||
  isNotFound(error);
