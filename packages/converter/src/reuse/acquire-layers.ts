import { InvalidFormatError } from "@sluice/disk";
import type { ArtifactLayer } from "@sluice/disk/artifact";
import {
  type AbortOptions,
  compressionOfLayer,
  type Descriptor,
  type Digest,
  DigestMismatchError,
  type Repository,
} from "@sluice/oci";
import PQueue from "p-queue";
import type { ChunkCompressor } from "../layer/chunk-compressor.js";
import { firstPass, type ScannedLayer, secondPass } from "../layer/convert-layer.js";
import type { LayerScanner } from "../layer/layer-scanner.js";
import { localBlob } from "../layer/local-blob.js";
import { readPieces } from "../layer/read-pieces.js";
import type { OpenResources } from "../open-resources.js";
import type { ProgressMeter } from "../progress.js";
import type { SourceImage } from "../source/select-image.js";
import { LayerInvalidError } from "../tar/errors.js";
import { type AcquiredLayer, cachedLayer } from "./acquired-layer.js";
import type { LayerCache } from "./layer-cache.js";
import { OneAtATime } from "./one-at-a-time.js";

export interface AcquireOptions extends AbortOptions {
  /** Where the image's layers are. */
  readonly from: Repository;
  readonly cache: LayerCache;
  readonly scanner: LayerScanner;
  readonly compressor: ChunkCompressor;
  readonly temporaryDirectory: string;
  /** Converts every layer, whatever was converted before. */
  readonly force: boolean;
  readonly progress: ProgressMeter;
  /** Closes what stays open until the artifact is pushed. */
  readonly open: OpenResources;
}

/** A layer of the image, and what its tar must hash to. */
interface WantedLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

/**
 * The layer blobs of an image, in its order; a layer that occurs twice is acquired once. What was converted before is taken from the cache
 * of this host, the rest is converted: some layers are scanned at once, and one at a time is compressed as it is ready.
 * A scan is not over before its layer's turn to be compressed, so temporary files are those of `maxScans` layers and one more.
 * What the target has already is not sent again. docs/adr/0007-reuse.md
 *
 * @throws {LayerInvalidError} {DiskFullError}
 */
export async function acquireLayers(image: SourceImage, options: AcquireOptions): Promise<readonly AcquiredLayer[]> {
  const stop = new AbortController();
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal]);
  const acquired = new Map<Digest, AcquiredLayer>();
  const scans = new PQueue({ concurrency: options.scanner.maxScans });
  await using writing = new OneAtATime();
  const own = { ...options, signal };
  const acquire = async (digest: Digest, layer: WantedLayer): Promise<void> => {
    signal.throwIfAborted();
    const known = options.force ? undefined : await knownLayer(layer, own);
    if (known !== undefined) {
      acquired.set(digest, known);
      options.progress.layerDone(layer.descriptor, true);
      return;
    }
    const scanned = await scan(layer, own);
    await writing.start(scanned, async () => {
      acquired.set(digest, await written(scanned, layer, own));
      options.progress.layerDone(layer.descriptor, false);
    });
  };
  const orStop = (error: unknown): void => stop.abort(error);
  await Promise.all(
    inScanOrder(wantedLayers(image), scans.concurrency).map((wanted) =>
      scans.add(() => acquire(...wanted)).catch(orStop),
    ),
  );
  await writing.done().catch(orStop);
  stop.signal.throwIfAborted();
  return image.manifest.layers.flatMap(({ digest }) => acquired.get(digest) ?? []);
}

/**
 * Scanned one by one, small layers come first, so that compressing them fills what a large one leaves of the processors while it is scanned.
 * Scanned side by side, the largest come first, so that none is left to the end.
 */
function inScanOrder(layers: ReadonlyMap<Digest, WantedLayer>, scans: number): [Digest, WantedLayer][] {
  const rising = [...layers].sort(([, a], [, b]) => a.descriptor.size - b.descriptor.size);
  return scans === 1 ? rising : rising.reverse();
}

/** The distinct layers. @throws {LayerInvalidError} when one layer is to have two DiffIDs */
function wantedLayers({ manifest, config }: SourceImage): ReadonlyMap<Digest, WantedLayer> {
  const wanted = new Map<Digest, WantedLayer>();
  for (const [i, descriptor] of manifest.layers.entries()) {
    const diffId = config.diffIds[i];
    if (diffId === undefined) throw new RangeError(`layer ${i} has no DiffID`);
    const first = wanted.get(descriptor.digest);
    if (first === undefined) wanted.set(descriptor.digest, { descriptor, diffId });
    else if (first.diffId !== diffId) {
      const problem = `the image's config gives it two DiffIDs, ${first.diffId} and ${diffId}`;
      throw new LayerInvalidError(descriptor.digest, problem);
    }
  }
  return wanted;
}

/** Undefined for what has to be converted; whatever is wrong with what was kept is a reason to convert, and no other. */
async function knownLayer(
  { descriptor, diffId }: WantedLayer,
  options: AcquireOptions,
): Promise<AcquiredLayer | undefined> {
  const cached = await options.cache.find(descriptor.digest, options);
  if (cached === undefined) return undefined;
  options.open.use(cached);
  if (cached.layer.diffId !== diffId) return undefined;
  try {
    return await cachedLayer(cached, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof InvalidFormatError || error instanceof DigestMismatchError) return undefined;
    throw error;
  }
}

function scan({ descriptor, diffId }: WantedLayer, options: AcquireOptions): Promise<ScannedLayer> {
  const { from, progress, signal } = options;
  const source = {
    digest: descriptor.digest,
    compression: compressionOfLayer(descriptor.mediaType, `layer ${descriptor.digest}`),
    diffId,
    content: progress.counted(from.readBlob(descriptor, { signal })),
  };
  return firstPass(source, options);
}

async function written(
  scanned: ScannedLayer,
  { descriptor, diffId }: WantedLayer,
  options: AcquireOptions,
): Promise<AcquiredLayer> {
  await using file = await options.cache.create();
  const { index, seekTable, ...blob } = await secondPass(scanned, file, options);
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
  const remote = localBlob(kept.handle, layer.sizeBytes);
  return { layer, index, seekTable, reused: false, blob: source, remote };
}
