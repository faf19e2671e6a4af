import { join } from "node:path";
import { parseArtifact } from "@sluice/disk/artifact";
import type { AbortOptions, Repository } from "@sluice/oci";
import { buildArtifact } from "./build-artifact.js";
import { ConversionError } from "./conversion-error.js";
import { type ConversionResult, conversionResult } from "./conversion-result.js";
import { CompressorPool } from "./layer/compressor-pool.js";
import { ScannerPool } from "./layer/scanner-pool.js";
import { OpenResources } from "./open-resources.js";
import { type OnProgress, ProgressMeter } from "./progress.js";
import { copyImage } from "./publish/copy-image.js";
import { findAttached } from "./publish/find-artifact.js";
import { pushBlobs } from "./publish/push-blobs.js";
import { acquireLayers } from "./reuse/acquire-layers.js";
import { LayerCache } from "./reuse/layer-cache.js";
import type { ImagePlace } from "./source/image-place.js";
import { selectImage, supportedPlatform } from "./source/select-image.js";

export interface ConvertOptions extends AbortOptions {
  /** Data root: the cache of converted layers and temporary files lie below it. */
  readonly root: string;
  /** Another repository, into which the source image is copied too; the tag, if any, points at the image there. */
  readonly to?: { readonly repository: Repository; readonly tag?: string | undefined } | undefined;
  /** Only `linux/amd64`. */
  readonly platform?: string | undefined;
  /** Converts again what was converted before. */
  readonly force?: boolean | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Compressing threads; as many as there are processors when left out. The result does not depend on it. */
  readonly threads?: number | undefined;
  /** Of the cache of converted layers. Bytes. */
  readonly cacheBudgetBytes?: number | undefined;
}

/**
 * Converts an image and attaches the artifact to it. Blobs are pushed before the manifest, and a tag of the target moves last, so that a reader never sees half an artifact;
 * an image that was converted before is left as it is. Equal images give equal artifacts.
 *
 * @throws {ConversionError} when the image is of no kind that is converted
 * @throws {LayerInvalidError} when one of its layers is damaged or hostile
 * @throws {DiskFullError}
 */
export async function convertImage(source: ImagePlace, options: ConvertOptions): Promise<ConversionResult> {
  const startedAtMs = performance.now();
  const { signal, to } = options;
  requirePlatform(source, options.platform);
  const image = await selectImage(source.repository, source.target, source.reference, { signal });
  const place = to?.repository ?? source.repository;
  const found = options.force ? undefined : (await findAttached(place, image, { signal })).artifact;
  if (found !== undefined) {
    if (to !== undefined) await copyImage(image, source.repository, place, { signal });
    if (to?.tag !== undefined) await place.pushManifest(image.manifest, { signal, tag: to.tag });
    return conversionResult({
      reference: source.reference,
      image,
      artifact: found,
      converted: undefined,
      warnings: [],
      startedAtMs,
    });
  }
  const temporaryDirectory = join(options.root, "tmp");
  const progress = new ProgressMeter(options.onProgress);
  await using scanner = new ScannerPool();
  await using compressor = new CompressorPool(options.threads);
  await using open = new OpenResources();
  const cache = await LayerCache.open(join(options.root, "convert-cache"), options.cacheBudgetBytes);
  progress.resolved(image.manifest.digest, image.manifest.layers);
  const layers = await acquireLayers(image, {
    from: source.repository,
    cache,
    force: options.force ?? false,
    ...{ scanner, compressor, temporaryDirectory, progress, open, signal },
  });
  progress.merging();
  const { manifest, blobs, warnings } = await buildArtifact(image.manifest, image.config, layers, {
    compressor,
    temporaryDirectory,
    open,
    signal,
  });
  if (to !== undefined) await copyImage(image, source.repository, place, { signal });
  await pushBlobs(place, blobs, { signal, onPushed: progress.pushing(blobs) });
  await place.pushManifest(manifest, { signal });
  if (to?.tag !== undefined) await place.pushManifest(image.manifest, { signal, tag: to.tag });
  await cache.evict();
  const artifact = parseArtifact(manifest);
  const converted = new Set(layers.filter(({ reused }) => !reused).map(({ layer }) => layer.source));
  return conversionResult({ reference: source.reference, image, artifact, converted, warnings, startedAtMs });
}

function requirePlatform({ reference }: ImagePlace, platform: string = supportedPlatform): void {
  if (platform === supportedPlatform) return;
  const problem = `platform ${platform} was asked for; only ${supportedPlatform} is supported`;
  throw new ConversionError("UNSUPPORTED_PLATFORM", reference, problem);
}
