import type { Descriptor, Digest, ImageManifest } from "@sluice/oci";

/** Keys of docs/format.md §6. */
export const annotation = {
  formatVersion: "dev.sluice.format.version",
  footerDigest: "dev.sluice.footer.digest",
  layerSource: "dev.sluice.layer.source",
  layerDiffId: "dev.sluice.layer.diff-id",
  uncompressedSize: "dev.sluice.uncompressed.size",
  startupRecordings: "dev.sluice.startup.recordings",
} as const;

/** The version of the format that is written and read. */
export const artifactFormatVersion = "1";

/** Recordings that an artifact carries; older ones are only counted. */
export const maxRecordingBlobs = 16;

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

/** A streaming artifact, its manifest read; its blobs are not looked at yet. docs/format.md §6 */
export interface Artifact {
  readonly manifest: ImageManifest;
  readonly digest: Digest;
  /** Digest of the source image manifest. */
  readonly subject: Digest;
  readonly toc: Descriptor;
  readonly metadata: ArtifactBlob;
  readonly startup: ArtifactBlob | undefined;
  /**
   * Starts that the startup blob was learned from; 0 when it was predicted, or there is none. A blob learned from starts holds the
   * metadata that they read; a predicted one holds none.
   */
  readonly recordings: number;
  /** The last of these recordings, for whoever merges them with more. Nodes do not need them. */
  readonly recordingBlobs: readonly Descriptor[];
  /** In the order of the image's layers. */
  readonly layers: readonly ArtifactLayer[];
  /** Manifest and all blobs, repeated ones once. Bytes. */
  readonly sizeBytes: number;
}

/** The image that an artifact must fit. */
export interface ArtifactSource {
  readonly manifest: ImageManifest;
  /** Of the image's config. */
  readonly diffIds: readonly Digest[];
}
