import { type ArtifactBlob, type ArtifactLayer, annotation, artifactFormatVersion } from "@sluice/disk/artifact";
import {
  createImageManifest,
  type Descriptor,
  descriptorOfManifest,
  emptyDescriptor,
  type ImageManifest,
  sha256Of,
  sluiceMediaTypes,
} from "@sluice/oci";

/** The manifest of an artifact for `source` that is made of layers of another one, and metadata of its own. docs/format.md §6 */
export function prefixArtifact(
  source: ImageManifest,
  tocBytes: Uint8Array,
  metadata: ArtifactBlob,
  layers: readonly ArtifactLayer[],
): ImageManifest {
  return createImageManifest({
    artifactType: sluiceMediaTypes.artifact,
    config: emptyDescriptor,
    subject: descriptorOfManifest(source),
    layers: [
      { mediaType: sluiceMediaTypes.toc, digest: sha256Of(tocBytes), size: tocBytes.length },
      descriptorOf(sluiceMediaTypes.metadata, metadata),
      ...layers.map((layer) => descriptorOf(sluiceMediaTypes.layer, layer, layerAnnotations(layer))),
    ],
    annotations: { [annotation.formatVersion]: artifactFormatVersion },
  });
}

const descriptorOf = (
  mediaType: string,
  { digest, sizeBytes, footerDigest }: ArtifactBlob,
  annotations: Readonly<Record<string, string>> = {},
): Descriptor => ({
  mediaType,
  digest,
  size: sizeBytes,
  annotations: { [annotation.footerDigest]: footerDigest, ...annotations },
});

const layerAnnotations = ({ source, diffId, uncompressedBytes }: ArtifactLayer): Record<string, string> => ({
  [annotation.layerSource]: source,
  [annotation.layerDiffId]: diffId,
  [annotation.uncompressedSize]: String(uncompressedBytes),
});
