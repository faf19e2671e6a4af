import { type AbortOptions, type Digest, DigestMismatchError, sha256Of } from "@sluice/oci/content";

declare const verifiedBrand: unique symbol;

/** Bytes that hash to their id. Made only by {@link verifyChunk}; whoever holds them must not write into them. */
export interface VerifiedChunk {
  readonly id: Digest;
  readonly bytes: Uint8Array;
  readonly [verifiedBrand]: true;
}

/** Where chunks come from, whole and verified. Every wrapper (fetched, joined, cached) has this shape. */
export interface ChunkSource {
  /**
   * The uncompressed bytes of the chunk, verified against `id`. Belong to the caller, who must not change them.
   *
   * @throws {ChunkMissingError} if this source does not have it
   */
  get(id: Digest, options?: AbortOptions): Promise<Uint8Array>;
}

/** The source does not have the chunk (any more). Ask another source. */
export class ChunkMissingError extends Error {
  override readonly name = "ChunkMissingError";
  readonly code = "CHUNK_MISSING";
  readonly id: Digest;
  constructor(id: Digest, options?: ErrorOptions) {
    super(`chunk ${id} is not in the store`, options);
    this.id = id;
  }
}

/** The one door into the store. @throws {DigestMismatchError} if the bytes are not those of `id` */
export function verifyChunk(id: Digest, bytes: Uint8Array): VerifiedChunk {
  const actual = sha256Of(bytes);
  if (actual !== id) throw new DigestMismatchError(`chunk of ${bytes.byteLength} bytes`, id, actual);
  return { id, bytes } as VerifiedChunk; // checked on the line above
}
