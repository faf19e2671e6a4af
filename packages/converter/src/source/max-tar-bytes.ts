import { compressionOfLayer, type Descriptor } from "@sluice/oci";

/** How far each format can expand: deflate 258 bytes for 2 bits, zstd a block of 128 KiB for 4 bytes. */
const maxExpansion = { none: 1, gzip: 1032, zstd: 32_768 } as const;

/** The longest tar that a layer of this size can hold. Bytes. @throws {UnsupportedMediaTypeError} */
export function maxTarBytes({ mediaType, size, digest }: Descriptor): number {
  return size * maxExpansion[compressionOfLayer(mediaType, `layer ${digest}`)];
}
