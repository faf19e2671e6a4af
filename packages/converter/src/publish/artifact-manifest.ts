import { type ArtifactBlob, type ArtifactLayer, annotation, artifactFormatVersion } from "@sluice/disk/artifact";
import {
  createImageManifest,
  type Descriptor,
  descriptorOfManifest,
  emptyDescriptor,
  type ImageManifest,
  sluiceMediaTypes,
} from "@sluice/oci";

/** A larger TOC costs more as base64 than its own request. docs/format.md §6 Bytes. */
const maxInlineTocBytes = 512 * 1024;

export interface ArtifactParts {
  readonly toc: Pick<ArtifactBlob, "digest" | "sizeBytes"> & { readonly bytes?: Uint8Array | undefined };
  readonly metadata: ArtifactBlob;
  readonly startup?: ArtifactBlob | undefined;
  readonly layers: readonly ArtifactLayer[];
  /** How many starts the startup blob was learned from, and the last of their recordings. */
  readonly recordings?: { readonly count: number; readonly blobs: readonly RecordingBlob[] } | undefined;
}

/** A recording as a blob. */
type RecordingBlob = Pick<Descriptor, "digest" | "size">;

/** The manifest of a streaming artifact. Equal parts give equal bytes: no time, no name, no version of this program. docs/format.md §6 */
export function artifactManifest(subject: ImageManifest, parts: ArtifactParts): ImageManifest {
  const { toc, metadata, startup, layers, recordings } = parts;
  return createImageManifest({
    artifactType: sluiceMediaTypes.artifact,
    config: emptyDescriptor,
    subject: descriptorOfManifest(subject),
    layers: [
      tocDescriptor(toc),
      withFooter(sluiceMediaTypes.metadata, metadata),
      ...(startup === undefined ? [] : [withFooter(sluiceMediaTypes.startup, startup)]),
      ...layers.map(layerDescriptor),
      ...(recordings?.blobs ?? []).map(({ digest, size }) => ({ mediaType: sluiceMediaTypes.recording, digest, size })),
    ],
    annotations: {
      [annotation.formatVersion]: artifactFormatVersion,
      ...(recordings !== undefined && { [annotation.startupRecordings]: `${recordings.count}` }),
    },
  });
}

/** The TOC travels with the manifest where it is small: a start then waits for one answer less. docs/format.md §6 */
const tocDescriptor = ({ digest, sizeBytes, bytes }: ArtifactParts["toc"]): Descriptor => ({
  mediaType: sluiceMediaTypes.toc,
  digest,
  size: sizeBytes,
  ...(sizeBytes <= maxInlineTocBytes && { data: bytes }),
});

const withFooter = (mediaType: string, blob: ArtifactBlob): Descriptor => ({
  mediaType,
  digest: blob.digest,
  size: blob.sizeBytes,
  annotations: { [annotation.footerDigest]: blob.footerDigest },
});

const layerDescriptor = (layer: ArtifactLayer): Descriptor => ({
  mediaType: sluiceMediaTypes.layer,
  digest: layer.digest,
  size: layer.sizeBytes,
  annotations: {
    [annotation.footerDigest]: layer.footerDigest,
    [annotation.layerSource]: layer.source,
    [annotation.layerDiffId]: layer.diffId,
    [annotation.uncompressedSize]: `${layer.uncompressedBytes}`,
  },
});
