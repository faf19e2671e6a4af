import { type ArtifactBlob, type ArtifactLayer, annotation, artifactFormatVersion } from "@sluice/disk/artifact";
import {
  createImageManifest,
  type Descriptor,
  descriptorOfManifest,
  emptyDescriptor,
  type ImageManifest,
  sluiceMediaTypes,
} from "@sluice/oci";

export interface ArtifactParts {
  readonly toc: Pick<ArtifactBlob, "digest" | "sizeBytes">;
  readonly metadata: ArtifactBlob;
  readonly startup?: ArtifactBlob | undefined;
  readonly layers: readonly ArtifactLayer[];
}

/** The manifest of a streaming artifact. Equal parts give equal bytes: no time, no name, no version of this program. docs/format.md §6 */
export function artifactManifest(subject: ImageManifest, parts: ArtifactParts): ImageManifest {
  const { toc, metadata, startup, layers } = parts;
  return createImageManifest({
    artifactType: sluiceMediaTypes.artifact,
    config: emptyDescriptor,
    subject: descriptorOfManifest(subject),
    layers: [
      { mediaType: sluiceMediaTypes.toc, digest: toc.digest, size: toc.sizeBytes },
      withFooter(sluiceMediaTypes.metadata, metadata),
      ...(startup === undefined ? [] : [withFooter(sluiceMediaTypes.startup, startup)]),
      ...layers.map(layerDescriptor),
    ],
    annotations: { [annotation.formatVersion]: artifactFormatVersion },
  });
}

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
