import { encodeToc, InvalidLayerError, withStartup } from "@sluice/disk";
import {
  type AbortOptions,
  type Digest,
  emptyBlob,
  emptyDescriptor,
  type ImageConfig,
  type ImageManifest,
} from "@sluice/oci";
import type { ChunkCompressor } from "./layer/chunk-compressor.js";
import { localBlob } from "./layer/local-blob.js";
import { openTemporaryFile } from "./layer/temporary-file.js";
import type { OpenResources } from "./open-resources.js";
import { artifactManifest } from "./publish/artifact-manifest.js";
import { type ImageDisk, imageDisk } from "./publish/image-disk.js";
import { imageToc } from "./publish/image-toc.js";
import { largeFileWarnings } from "./publish/large-files.js";
import { inFile, inMemory } from "./publish/local-sources.js";
import { writeMetadataBlob } from "./publish/metadata-blob.js";
import type { BlobSource } from "./publish/push-blobs.js";
import { xattrWarnings } from "./publish/xattr-warnings.js";
import type { AcquiredLayer } from "./reuse/acquired-layer.js";
import { writePredictedStartup } from "./startup/predicted-startup.js";
import { LayerInvalidError } from "./tar/errors.js";

/** With a predicted startup blob, an artifact is at most about this many times as large as its image: nobody asked for the guess. */
const maxArtifactShare = 1.04;
/** A startup blob of this size is written for the smallest image, too. */
const minStartupBytes = 2 * 1024 * 1024;

/** An artifact that is ready to be pushed: blobs, then manifest. */
export interface BuiltArtifact {
  readonly manifest: ImageManifest;
  readonly blobs: readonly BlobSource[];
  readonly warnings: readonly string[];
}

export interface BuildOptions extends AbortOptions {
  readonly compressor: ChunkCompressor;
  readonly temporaryDirectory: string;
  /** Keeps the metadata blob and the startup blob until they are pushed. */
  readonly open: OpenResources;
}

/** Merges the layers into the disk of the image and describes it. Equal layers and configs give equal artifacts. @throws {LayerInvalidError} */
export async function buildArtifact(
  subject: ImageManifest,
  config: ImageConfig,
  layers: readonly AcquiredLayer[],
  options: BuildOptions,
): Promise<BuiltArtifact> {
  const disk = mergedDisk(layers);
  const metadataFile = options.open.use(await openTemporaryFile(options.temporaryDirectory));
  const metadata = await writeMetadataBlob(disk, metadataFile, options);
  const tables = layers.map(({ layer, seekTable }) => ({ ...layer, seekTable }));
  const plainToc = imageToc(subject.digest, metadata, tables);
  const startupFile = options.open.use(await openTemporaryFile(options.temporaryDirectory));
  const remotes = new Map(layers.map(({ layer, remote }) => [layer.digest, remote]));
  remotes.set(metadata.digest, localBlob(metadataFile.handle, metadata.sizeBytes));
  const budgetBytes = startupBudget(subject, [metadata, ...layers.map(({ layer }) => layer)]);
  const image = { ...disk, config, toc: plainToc, blobs: remotes, budgetBytes };
  const startup = await writePredictedStartup(image, startupFile, options);
  const tocBytes = encodeToc(withStartup(plainToc, startup));
  const toc = inMemory(tocBytes);
  const manifest = artifactManifest(subject, {
    ...{ toc: { ...toc, bytes: tocBytes }, metadata, startup: startup?.blob },
    layers: layers.map(({ layer }) => layer),
  });
  return {
    manifest,
    blobs: [
      toc,
      { ...inMemory(emptyBlob), digest: emptyDescriptor.digest },
      inFile(metadata, metadataFile),
      ...(startup === undefined ? [] : [inFile(startup.blob, startupFile)]),
      ...layers.map(({ blob }) => blob),
    ],
    warnings: [...xattrWarnings(disk.tree), ...largeFileWarnings(disk.tree)],
  };
}

/** What is left for copies in a startup blob. Repeated layers count once, as in a registry. Bytes. */
function startupBudget(
  source: ImageManifest,
  blobs: readonly { readonly digest: Digest; readonly sizeBytes: number }[],
): number {
  const sum = (sizes: ReadonlyMap<Digest, number>): number => [...sizes.values()].reduce((a, b) => a + b, 0);
  const sourceBytes = sum(new Map(source.layers.map(({ digest, size }) => [digest, size])));
  const ownBytes = sum(new Map(blobs.map(({ digest, sizeBytes }) => [digest, sizeBytes])));
  return Math.max(minStartupBytes, maxArtifactShare * sourceBytes - ownBytes);
}

function mergedDisk(layers: readonly AcquiredLayer[]): ImageDisk {
  try {
    return imageDisk(layers.map(({ layer, index }) => ({ digest: layer.digest, index })));
  } catch (error) {
    const invalid = error instanceof InvalidLayerError ? layers[error.layer] : undefined;
    if (invalid === undefined || !(error instanceof InvalidLayerError)) throw error;
    throw new LayerInvalidError(invalid.layer.source, error.message, { cause: error });
  }
}
