import { type AbortOptions, type Descriptor, type Repository, sha256Of } from "@sluice/oci";
import { NotStreamableError } from "./not-streamable.js";

/**
 * A whole blob in memory, proven by its digest; no request when its descriptor carries it. For what is read at once and is small: configs, TOCs.
 *
 * @throws {NotStreamableError} ARTIFACT_INVALID when the descriptor claims more than `maxBytes`, before anything is read
 */
export async function readSmallBlob(
  repository: Repository,
  blob: Descriptor,
  maxBytes: number,
  what: string,
  options?: AbortOptions,
): Promise<Uint8Array> {
  if (blob.size > maxBytes) {
    throw new NotStreamableError("ARTIFACT_INVALID", `${what}: ${blob.size} bytes, at most ${maxBytes} are accepted`);
  }
  if (blob.data !== undefined && sha256Of(blob.data) === blob.digest) return blob.data;
  const bytes = new Uint8Array(blob.size);
  let filled = 0;
  for await (const piece of repository.readBlob(blob, options)) {
    bytes.set(piece, filled); // never past the end: readBlob counts, and throws before the last piece when size or digest are wrong
    filled += piece.byteLength;
  }
  return bytes;
}
