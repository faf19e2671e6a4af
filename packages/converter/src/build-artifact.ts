import { encodeToc, InvalidLayerError } from "@sluice/disk";
import { type AbortOptions, emptyBlob, emptyDescriptor, type ImageManifest, sha256Of } from "@sluice/oci";
import type { ChunkCompressor } from "./layer/chunk-compressor.js";
import { readPieces } from "./layer/read-pieces.js";
import { openTemporaryFile } from "./layer/temporary-file.js";
import type { OpenResources } from "./open-resources.js";
import { artifactManifest } from "./publish/artifact-manifest.js";
import { type ImageDisk, imageDisk } from "./publish/image-disk.js";
import { imageToc } from "./publish/image-toc.js";
import { largeFileWarnings } from "./publish/large-files.js";
import { writeMetadataBlob } from "./publish/metadata-blob.js";
import type { BlobSource } from "./publish/push-blobs.js";
import { xattrWarnings } from "./publish/xattr-warnings.js";
import type { AcquiredLayer } from "./reuse/acquired-layer.js";
import { LayerInvalidError } from "./tar/errors.js";

/** An artifact that is ready to be pushed: blobs, then manifest. */
export interface BuiltArtifact {
  readonly manifest: ImageManifest;
  readonly blobs: readonly BlobSource[];
  readonly warnings: readonly string[];
}

export interface BuildOptions extends AbortOptions {
  readonly compressor: ChunkCompressor;
  readonly temporaryDirectory: string;
  /** Keeps the metadata blob until it is pushed. */
  readonly open: OpenResources;
}

/** Merges the layers into the disk of the image and describes it. Equal layers give equal artifacts. @throws {LayerInvalidError} */
export async function buildArtifact(
  subject: ImageManifest,
  layers: readonly AcquiredLayer[],
  options: BuildOptions,
): Promise<BuiltArtifact> {
  const disk = mergedDisk(layers);
  const file = options.open.use(await openTemporaryFile(options.temporaryDirectory));
  const metadata = await writeMetadataBlob(disk, file, options);
  const tabled = layers.map(({ layer, seekTable }) => ({ ...layer, seekTable }));
  const tocBytes = encodeToc(imageToc(subject.digest, metadata, tabled));
  const toc = inMemory(tocBytes);
  const { digest, sizeBytes } = metadata;
  const metadataSource = { digest, sizeBytes, content: () => readPieces(file.handle, 0, sizeBytes), from: undefined };
  return {
    manifest: artifactManifest(subject, {
      toc: { ...toc, bytes: tocBytes },
      metadata,
      layers: layers.map(({ layer }) => layer),
    }),
    blobs: [
      toc,
      { ...inMemory(emptyBlob), digest: emptyDescriptor.digest },
      metadataSource,
      ...layers.map(({ blob }) => blob),
    ],
    warnings: [...xattrWarnings(disk.tree), ...largeFileWarnings(disk.tree)],
  };
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

function inMemory(bytes: Uint8Array): BlobSource {
  const content = async function* (): AsyncGenerator<Uint8Array> {
    yield bytes;
  };
  return { digest: sha256Of(bytes), sizeBytes: bytes.byteLength, content, from: undefined };
}
