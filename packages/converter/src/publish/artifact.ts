import {
  type Descriptor,
  type Digest,
  type ImageManifest,
  InvalidDocumentError,
  isDigest,
  sluiceMediaTypes,
} from "@sluice/oci";

/** Keys of docs/format.md §6. */
export const annotation = {
  formatVersion: "dev.sluice.format.version",
  footerDigest: "dev.sluice.footer.digest",
  layerSource: "dev.sluice.layer.source",
  layerDiffId: "dev.sluice.layer.diff-id",
  uncompressedSize: "dev.sluice.uncompressed.size",
} as const;

/** The version of the format that is written and read. */
export const artifactFormatVersion = "1";

/** A blob with a footer, as the artifact's manifest names it. */
export interface ArtifactBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly footerDigest: Digest;
}

/** A layer blob, and the layer it was made of. */
export interface ArtifactLayer extends ArtifactBlob {
  /** The layer as pulled. */
  readonly source: Digest;
  readonly diffId: Digest;
  /** Length of the layer's tar. Bytes. */
  readonly uncompressedBytes: number;
}

/** A streaming artifact, its manifest read. docs/format.md §6 */
export interface Artifact {
  readonly digest: Digest;
  /** Digest of the source image manifest. */
  readonly subject: Digest;
  readonly toc: Descriptor;
  readonly metadata: ArtifactBlob;
  readonly startup: ArtifactBlob | undefined;
  /** In the order of the image's layers. */
  readonly layers: readonly ArtifactLayer[];
  /** Manifest and all blobs, repeated ones once. Bytes. */
  readonly sizeBytes: number;
}

/** @throws {InvalidDocumentError} when it is no streaming artifact of this format version */
export function parseArtifact(manifest: ImageManifest, from: string): Artifact {
  const invalid = (problem: string): InvalidDocumentError =>
    new InvalidDocumentError(`${from}: streaming artifact ${manifest.digest}: ${problem}`);
  if (manifest.artifactType !== sluiceMediaTypes.artifact)
    throw invalid(`artifact type ${manifest.artifactType ?? "none"}`);
  const version = manifest.annotations[annotation.formatVersion];
  if (version !== artifactFormatVersion) throw invalid(`format version ${version ?? "none"}; this program reads 1`);
  if (manifest.subject === undefined) throw invalid("no subject");
  const [toc, metadata, third, ...rest] = manifest.layers;
  if (toc?.mediaType !== sluiceMediaTypes.toc) throw invalid("its first blob is no TOC");
  if (metadata?.mediaType !== sluiceMediaTypes.metadata) throw invalid("its second blob is no metadata");
  const startup = third?.mediaType === sluiceMediaTypes.startup ? third : undefined;
  const layers = startup === undefined && third !== undefined ? [third, ...rest] : rest;
  const sizes = new Map([...manifest.layers].map(({ digest, size }) => [digest, size]));
  return {
    digest: manifest.digest,
    subject: manifest.subject.digest,
    toc,
    metadata: blobOf(metadata, invalid),
    startup: startup && blobOf(startup, invalid),
    layers: layers.map((layer) => layerOf(layer, invalid)),
    sizeBytes: manifest.bytes.byteLength + [...sizes.values()].reduce((sum, size) => sum + size, 0),
  };
}

type Invalid = (problem: string) => InvalidDocumentError;

function blobOf(descriptor: Descriptor, invalid: Invalid): ArtifactBlob {
  const footerDigest = digestIn(descriptor, annotation.footerDigest, invalid);
  return { digest: descriptor.digest, sizeBytes: descriptor.size, footerDigest };
}

function layerOf(descriptor: Descriptor, invalid: Invalid): ArtifactLayer {
  if (descriptor.mediaType !== sluiceMediaTypes.layer)
    throw invalid(`blob of type ${descriptor.mediaType} among the layers`);
  const size = descriptor.annotations?.[annotation.uncompressedSize] ?? "";
  const uncompressedBytes = Number(size);
  if (!/^[0-9]{1,16}$/.test(size) || !Number.isSafeInteger(uncompressedBytes)) {
    throw invalid(`layer ${descriptor.digest}: annotation ${annotation.uncompressedSize} is no size`);
  }
  return {
    ...blobOf(descriptor, invalid),
    source: digestIn(descriptor, annotation.layerSource, invalid),
    diffId: digestIn(descriptor, annotation.layerDiffId, invalid),
    uncompressedBytes,
  };
}

function digestIn(descriptor: Descriptor, key: string, invalid: Invalid): Digest {
  const text = descriptor.annotations?.[key] ?? "";
  if (!isDigest(text)) throw invalid(`blob ${descriptor.digest}: annotation ${key} is no digest`);
  return text;
}
