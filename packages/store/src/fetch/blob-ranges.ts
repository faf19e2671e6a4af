import type { AbortOptions, ByteRange, Digest } from "@sluice/oci/content";

/**
 * Where compressed bytes come from: a registry, a mirror, an image layout. Owned by the fetch side, implemented outside.
 *
 * `read` yields exactly the bytes of `range`, in order, in pieces of any size, or throws; it never ends short. The bytes are not verified.
 * Rejects with the signal's own reason once it fires. Leaving the loop early closes the connection's body.
 */
export interface BlobRangeSource {
  read(blob: Digest, range: ByteRange, options?: AbortOptions): AsyncIterable<Uint8Array>;

  /** The bytes of this blob were not those of its chunks: read them from elsewhere next, if there is an elsewhere. */
  doubt?(blob: Digest): void;
}
