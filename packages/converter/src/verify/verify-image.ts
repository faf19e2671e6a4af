import { join } from "node:path";
import {
  blockSizeBytes,
  encodeToc,
  InvalidFormatError,
  InvalidLayerError,
  type LayerIndex,
  type Toc,
} from "@sluice/disk";
import type { Artifact, ArtifactBlob, ArtifactLayer } from "@sluice/disk/artifact";
import {
  type AbortOptions,
  type Digest,
  DigestMismatchError,
  isNotFound,
  type Repository,
  SizeMismatchError,
  sha256Of,
} from "@sluice/oci";
import { imageDisk } from "../publish/image-disk.js";
import { imageToc } from "../publish/image-toc.js";
import type { ImagePlace } from "../source/image-place.js";
import { maxTarBytes } from "../source/max-tar-bytes.js";
import type { SourceImage } from "../source/select-image.js";
import { TarInvalidError } from "../tar/errors.js";
import { findConverted, type OpenedBlob, openBlob, readIndex, readToc } from "./artifact-reader.js";
import { ByteComparison } from "./byte-comparison.js";
import { checkStartup } from "./check-startup.js";
import { readChunks } from "./data-space.js";
import { proveLayer } from "./prove-layer.js";

export interface VerifyOptions extends AbortOptions {
  /** Data root; temporary files, twice as large as the largest layer, lie below it. */
  readonly root: string;
  /** Told of each layer when it is done. */
  readonly onLayer?: ((layer: VerifiedLayer) => void) | undefined;
}

export interface VerifiedLayer {
  readonly diffId: Digest;
  /** Its blob is the conversion of the tar that the image's config names, and whole. */
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
 * Proves that the artifact of an image is that image. Of every layer the tar is rebuilt, its DiffID compared with the image's config, and its index and
 * chunks made again from it; from the indexes so proven the metadata and the TOC are made again; startup chunks are compared with the disk.
 *
 * @throws {ConversionError} when the image has no artifact; errors of the registry come through
 */
export async function verifyImage(place: ImagePlace, options: VerifyOptions): Promise<VerifyResult> {
  const { image, artifact } = await findConverted(place, options);
  return new Verification(place.repository, image, artifact, options).run();
}

/** A layer blob that was looked at. */
interface CheckedLayer {
  readonly layer: ArtifactLayer;
  readonly opened: OpenedBlob;
  readonly index: LayerIndex;
  /** Of the tar that the blob is proven to be the conversion of; undefined when it is not proven. */
  diffId: Digest | undefined;
}

class Verification {
  readonly #repository: Repository;
  readonly #image: SourceImage;
  readonly #artifact: Artifact;
  readonly #options: VerifyOptions;
  readonly #problems: string[] = [];
  readonly #checked = new Map<Digest, CheckedLayer>();

  constructor(repository: Repository, image: SourceImage, artifact: Artifact, options: VerifyOptions) {
    this.#repository = repository;
    this.#image = image;
    this.#artifact = artifact;
    this.#options = options;
  }

  async run(): Promise<VerifyResult> {
    const { layers } = this.#artifact;
    const verified: VerifiedLayer[] = [];
    for (const [i, layer] of layers.entries()) {
      const diffId = this.#image.config.diffIds[i] ?? layer.diffId; // the artifact fits, so there is one
      const before = this.#problems.length;
      await this.#noting(`layer ${i + 1}, blob ${layer.digest}`, () => this.#layer(layer, i, diffId));
      const result = { diffId, ok: this.#problems.length === before };
      verified.push(result);
      this.#options.onLayer?.(result);
    }
    if (layers.every(({ digest }) => this.#checked.has(digest))) await this.#disk();
    return { ok: this.#problems.length === 0, layers: verified, problems: this.#problems };
  }

  async #layer(layer: ArtifactLayer, i: number, diffId: Digest): Promise<void> {
    const checked = this.#checked.get(layer.digest) ?? (await this.#check(layer, i));
    const { sizeBytes, footerDigest, uncompressedBytes } = checked.layer;
    const same =
      layer.sizeBytes === sizeBytes &&
      layer.footerDigest === footerDigest &&
      layer.uncompressedBytes === uncompressedBytes;
    if (!same) throw new InvalidFormatError("artifact", "descriptor", "what it says of this blob elsewhere", "another");
    if (checked.diffId === undefined) throw new InvalidFormatError("layer blob", "tar", "one that is proven", "none");
    if (checked.diffId !== diffId) throw new DigestMismatchError("rebuilt tar", diffId, checked.diffId);
  }

  async #check(layer: ArtifactLayer, i: number): Promise<CheckedLayer> {
    const what = `layer ${i + 1}, blob ${layer.digest}`;
    const opened = await openBlob(this.#repository, layer, this.#options);
    const checked: CheckedLayer = { layer, opened, index: await readIndex(opened, this.#options), diffId: undefined };
    this.#checked.set(layer.digest, checked);
    const source = this.#image.manifest.layers[i];
    const maxBytes = source === undefined ? 0 : maxTarBytes(source);
    if (layer.uncompressedBytes > maxBytes) {
      throw new InvalidFormatError("artifact", "length of the tar", `at most ${maxBytes}`, layer.uncompressedBytes);
    }
    checked.diffId = await proveLayer(opened, checked.index, {
      signal: this.#options.signal,
      temporaryDirectory: join(this.#options.root, "tmp"),
      tarBytes: layer.uncompressedBytes,
      onDamage: (_, { message }) => void this.#problems.push(`${what}: ${message}`),
    });
    return checked;
  }

  /** Metadata, TOC and startup blob must be what these layers give. */
  async #disk(): Promise<void> {
    const { layers, metadata, startup, digest } = this.#artifact;
    const checked = layers.flatMap((layer) => this.#checked.get(layer.digest) ?? []);
    await this.#noting(`metadata blob ${metadata.digest}`, async () => {
      const blob = await openBlob(this.#repository, metadata, this.#options);
      const disk = imageDisk(checked.map(({ layer, index }) => ({ digest: layer.digest, index })));
      await this.#compareMetadata(blob, disk.metadata());
      const toc = await readToc(this.#repository, this.#artifact, this.#options);
      const tables = checked.map(({ layer, opened: { seekTable } }) => ({ ...layer, seekTable }));
      const again = imageToc(
        toc.source,
        { ...metadata, seekTable: blob.seekTable },
        tables,
        startup && { blob: startup, chunks: toc.startup },
      );
      if (sha256Of(encodeToc(again)) !== sha256Of(encodeToc(toc))) {
        this.#problems.push(`TOC of artifact ${digest}: does not say where the blobs have their chunks`);
      } else if (startup !== undefined) await this.#startup(startup, toc, blob);
    });
  }

  async #startup(startup: ArtifactBlob, toc: Toc, metadata: OpenedBlob): Promise<void> {
    const blobs = new Map([[this.#artifact.metadata.digest, metadata.remote]]);
    for (const [digest, { opened }] of this.#checked) blobs.set(digest, opened.remote);
    await this.#noting(`startup blob ${startup.digest}`, async () => {
      const opened = await openBlob(this.#repository, startup, this.#options);
      await checkStartup(opened, toc, blobs, this.#options);
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
  error instanceof TarInvalidError ||
  isNotFound(error);
