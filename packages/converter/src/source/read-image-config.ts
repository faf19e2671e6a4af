import {
  type AbortOptions,
  dockerMediaTypes,
  type ImageConfig,
  type ImageManifest,
  maxImageConfigBytes,
  ociMediaTypes,
  parseImageConfig,
  TooLargeError,
} from "@sluice/oci";
import type { ImageReader } from "./image-reader.js";

export const isImageConfigType = (mediaType: string | undefined): boolean =>
  mediaType === ociMediaTypes.config || mediaType === dockerMediaTypes.config;

/** The config of an image, verified and bounded. @throws {InvalidDocumentError} {TooLargeError} */
export async function readImageConfig(
  repository: ImageReader,
  manifest: ImageManifest,
  options?: AbortOptions,
): Promise<ImageConfig> {
  const { config } = manifest;
  const what = `config of ${manifest.digest} in ${repository.name}`;
  if (config === undefined) throw new RangeError(`${what}: there is none`);
  return parseImageConfig(await readWholeBlob(repository, config, maxImageConfigBytes, what, options), what);
}

/** A small blob, verified. @throws {TooLargeError} before a byte is read */
export async function readWholeBlob(
  repository: ImageReader,
  blob: Parameters<ImageReader["readBlob"]>[0],
  maxBytes: number,
  what: string,
  options?: AbortOptions,
): Promise<Buffer> {
  if (blob.size > maxBytes) throw new TooLargeError(what, maxBytes);
  const pieces: Uint8Array[] = [];
  for await (const piece of repository.readBlob(blob, options)) pieces.push(piece);
  return Buffer.concat(pieces);
}
