import {
  decodeLayerIndex,
  type LayerIndex,
  maxLayerIndexBytes,
  type RemoteBlob,
  readFooter,
  readSeekTable,
  readWholeSection,
  type SeekTable,
} from "@sluice/disk";
import type { ArtifactLayer } from "@sluice/disk/artifact";
import { type AbortOptions, compressionOfLayer, type Digest, type Repository } from "@sluice/oci";
import type { ChunkCompressor } from "../layer/chunk-compressor.js";
import { convertLayer } from "../layer/convert-layer.js";
import { localBlob } from "../layer/local-blob.js";
import { readPieces } from "../layer/read-pieces.js";
import type { OpenResources } from "../open-resources.js";
import type { ProgressMeter } from "../progress.js";
import type { BlobSource } from "../publish/push-blobs.js";
import { remoteBlob } from "../source/remote-blob.js";
import type { SourceImage } from "../source/select-image.js";
import { earlierLayers } from "./earlier-layers.js";
import type { LayerCache, OpenLayer } from "./layer-cache.js";

/** A layer blob that is ready to be merged and pushed. */
export interface AcquiredLayer {
  readonly layer: ArtifactLayer;
  readonly index: LayerIndex;
  readonly seekTable: SeekTable;
  /** It was converted before. */
  readonly reused: boolean;
  /** Where its bytes are. */
  readonly blob: BlobSource;
}

export interface AcquireOptions extends AbortOptions {
  /** Where the image's layers are. */
  readonly from: Repository;
  /** Where the artifact will be. */
  readonly to: Repository;
  readonly cache: LayerCache;
  readonly compressor: ChunkCompressor;
  readonly temporaryDirectory: string;
  /** Converts every layer, whatever was converted before. */
  readonly force: boolean;
  readonly progress: ProgressMeter;
  /** Closes what stays open until the artifact is pushed. */
  readonly open: OpenResources;
}

/**
 * The layer blobs of an image, in its order; a layer that occurs twice is acquired once. What was converted before is taken from the cache
 * of this host or from earlier artifacts; the rest is converted.
 */
export async function acquireLayers(image: SourceImage, options: AcquireOptions): Promise<readonly AcquiredLayer[]> {
  const acquired = new Map<Digest, AcquiredLayer>();
  const earlier = new EarlierLayers(image, options);
  for (const [i, descriptor] of image.manifest.layers.entries()) {
    options.signal?.throwIfAborted();
    if (acquired.has(descriptor.digest)) continue;
    const diffId = image.config.diffIds[i];
    if (diffId === undefined) throw new RangeError(`layer ${i} has no DiffID`);
    const known = options.force ? undefined : await knownLayer(descriptor.digest, diffId, earlier, options);
    acquired.set(descriptor.digest, known ?? (await converted(image, i, diffId, options)));
    options.progress.layerDone(descriptor, known !== undefined);
  }
  return image.manifest.layers.flatMap(({ digest }) => acquired.get(digest) ?? []);
}

async function knownLayer(
  source: Digest,
  diffId: Digest,
  earlier: EarlierLayers,
  options: AcquireOptions,
): Promise<AcquiredLayer | undefined> {
  const cached = await options.cache.find(source);
  if (cached?.layer.diffId === diffId) return fromFile(cached, true, options);
  await cached?.[Symbol.asyncDispose]();
  const found = await earlier.find(source);
  if (found === undefined || found.layer.diffId !== diffId) return undefined;
  const { layer, repository } = found;
  const blob = { digest: layer.digest, size: layer.sizeBytes };
  if ((await repository.blobSize(layer.digest, options)) !== layer.sizeBytes) return undefined;
  const sections = await readSections(remoteBlob(repository, blob), layer, options);
  const content = (): AsyncIterable<Uint8Array> => repository.readBlob(blob, options);
  return {
    layer,
    ...sections,
    reused: true,
    blob: { digest: layer.digest, sizeBytes: layer.sizeBytes, content, from: repository },
  };
}

async function fromFile(file: OpenLayer, reused: boolean, options: AcquireOptions): Promise<AcquiredLayer> {
  options.open.use(file);
  const { layer, handle } = file;
  const sections = await readSections(localBlob(handle, layer.sizeBytes), layer, options);
  const content = (): AsyncIterable<Uint8Array> => readPieces(handle, 0, layer.sizeBytes);
  return {
    layer,
    ...sections,
    reused,
    blob: { digest: layer.digest, sizeBytes: layer.sizeBytes, content, from: undefined },
  };
}

/** What merging needs of a blob, proven. */
async function readSections(
  blob: RemoteBlob,
  { footerDigest, digest }: ArtifactLayer,
  options?: AbortOptions,
): Promise<{ readonly index: LayerIndex; readonly seekTable: SeekTable }> {
  const footer = await readFooter(blob, footerDigest, options);
  if (footer.index === undefined) throw new RangeError(`layer blob ${digest} has no index`);
  const payload = await readWholeSection(blob, footer.index, "layer index", maxLayerIndexBytes, options);
  return { index: decodeLayerIndex(payload), seekTable: await readSeekTable(blob, footer, options) };
}

async function converted(
  image: SourceImage,
  i: number,
  diffId: Digest,
  options: AcquireOptions,
): Promise<AcquiredLayer> {
  const descriptor = image.manifest.layers[i];
  if (descriptor === undefined) throw new RangeError(`no layer ${i}`);
  const { from, cache, compressor, temporaryDirectory, progress, signal } = options;
  await using file = await cache.create();
  const { index, seekTable, ...blob } = await convertLayer(
    {
      digest: descriptor.digest,
      compression: compressionOfLayer(descriptor.mediaType, `layer ${descriptor.digest}`),
      diffId,
      content: progress.counted(from.readBlob(descriptor, { signal })),
    },
    file,
    { temporaryDirectory, compressor, signal },
  );
  const layer: ArtifactLayer = {
    digest: blob.digest,
    sizeBytes: blob.sizeBytes,
    footerDigest: blob.footerDigest,
    source: descriptor.digest,
    diffId,
    uncompressedBytes: blob.uncompressedBytes,
  };
  const kept = await file.keep(layer);
  options.open.use(kept);
  const content = (): AsyncIterable<Uint8Array> => readPieces(kept.handle, 0, layer.sizeBytes);
  const source = { digest: layer.digest, sizeBytes: layer.sizeBytes, content, from: undefined };
  return { layer, index, seekTable, reused: false, blob: source };
}

/** Looks through the repositories once, when the first layer is not in the cache. */
class EarlierLayers {
  readonly #image: SourceImage;
  readonly #options: AcquireOptions;
  #found: Promise<ReadonlyMap<Digest, { readonly layer: ArtifactLayer; readonly repository: Repository }>> | undefined;

  constructor(image: SourceImage, options: AcquireOptions) {
    this.#image = image;
    this.#options = options;
  }

  async find(source: Digest): Promise<{ readonly layer: ArtifactLayer; readonly repository: Repository } | undefined> {
    this.#found ??= this.#look();
    return (await this.#found).get(source);
  }

  async #look(): Promise<ReadonlyMap<Digest, { readonly layer: ArtifactLayer; readonly repository: Repository }>> {
    const { from, to } = this.#options;
    const found = new Map<Digest, { readonly layer: ArtifactLayer; readonly repository: Repository }>();
    for (const repository of new Set([to, from])) {
      const wanted = new Set(
        this.#image.manifest.layers.map(({ digest }) => digest).filter((digest) => !found.has(digest)),
      );
      for (const [source, layer] of await earlierLayers(repository, wanted, this.#options))
        found.set(source, { layer, repository });
    }
    return found;
  }
}
