/** OCI image specification, media-types.md; Docker image manifest version 2, schema 2; docs/format.md §6. */

export const ociMediaTypes = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  layerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  layerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  empty: "application/vnd.oci.empty.v1+json",
} as const;

export const dockerMediaTypes = {
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  manifestList: "application/vnd.docker.distribution.manifest.list.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
  layer: "application/vnd.docker.image.rootfs.diff.tar",
  layerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
  layerZstd: "application/vnd.docker.image.rootfs.diff.tar.zstd",
  foreignLayer: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
  schema1: "application/vnd.docker.distribution.manifest.v1+json",
  schema1Signed: "application/vnd.docker.distribution.manifest.v1+prettyjws",
} as const;

/** The streaming artifact and its blobs. */
export const sluiceMediaTypes = {
  artifact: "application/vnd.sluice.image.v1",
  toc: "application/vnd.sluice.toc.v1+zstd",
  metadata: "application/vnd.sluice.metadata.v1+zstd",
  startup: "application/vnd.sluice.startup.v1+zstd",
  layer: "application/vnd.sluice.layer.v1+zstd",
  /** What one start touched; also within an artifact of its own, of type {@link sluiceMediaTypes.recordingArtifact}. */
  recording: "application/vnd.sluice.recording.v1+json",
  /** A recording that a node offers to whoever optimises the image. */
  recordingArtifact: "application/vnd.sluice.recording.v1",
} as const;

/** What a client can read, in order of preference: the value of `Accept`. */
export const acceptedManifests: string = [
  ociMediaTypes.manifest,
  ociMediaTypes.index,
  dockerMediaTypes.manifest,
  dockerMediaTypes.manifestList,
  "*/*;q=0.1",
].join(", ");

/** The media type is well-formed and not one we can work with. `UNSUPPORTED_MEDIATYPE` is also what conversion answers. */
export class UnsupportedMediaTypeError extends Error {
  override readonly name = "UnsupportedMediaTypeError";
  readonly code = "UNSUPPORTED_MEDIATYPE";
  readonly mediaType: string;
  constructor(what: string, mediaType: string, expected: string, options?: ErrorOptions) {
    super(`${what}: media type ${JSON.stringify(mediaType.slice(0, 200))} is not supported, only ${expected}`, options);
    this.mediaType = mediaType;
  }
}

export const isImageManifestType = (mediaType: string): boolean =>
  mediaType === ociMediaTypes.manifest || mediaType === dockerMediaTypes.manifest;

export const isImageIndexType = (mediaType: string): boolean =>
  mediaType === ociMediaTypes.index || mediaType === dockerMediaTypes.manifestList;

/** How the tar of a layer is packed. */
export type LayerCompression = "none" | "gzip" | "zstd";

const layerCompressions: ReadonlyMap<string, LayerCompression> = new Map([
  [ociMediaTypes.layer, "none"],
  [ociMediaTypes.layerGzip, "gzip"],
  [ociMediaTypes.layerZstd, "zstd"],
  [dockerMediaTypes.layer, "none"],
  [dockerMediaTypes.layerGzip, "gzip"],
  [dockerMediaTypes.layerZstd, "zstd"],
]);

/**
 * The compression of a layer, from its media type.
 *
 * @throws {UnsupportedMediaTypeError} for foreign and nondistributable layers, whose bytes a registry does not hold, and for anything unknown
 */
export function compressionOfLayer(mediaType: string, what: string): LayerCompression {
  const compression = layerCompressions.get(mediaType);
  if (compression !== undefined) return compression;
  const foreign = mediaType === dockerMediaTypes.foreignLayer || mediaType.includes(".nondistributable.");
  const expected = "tar, tar+gzip and tar+zstd layers of OCI or Docker";
  throw new UnsupportedMediaTypeError(
    what,
    mediaType,
    foreign ? `${expected} that the registry holds itself` : expected,
  );
}
