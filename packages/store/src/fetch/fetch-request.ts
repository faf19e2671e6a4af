import type { ByteRange, Digest } from "@sluice/oci/content";

/** Where one chunk lies: everything a fetch needs, and nothing of images. */
export interface ChunkPlace {
  readonly id: Digest;
  /** Uncompressed. Bytes. */
  readonly sizeBytes: number;
  readonly blob: Digest;
  /** Of the zstd frame in the blob. */
  readonly frame: ByteRange;
}

/**
 * Why a chunk is fetched, in falling rank. `demand`: a reader waits. `startup`: it comes in the stream of a start. `read-ahead`: a
 * reader is expected soon. `background`: it fills the store.
 */
export type FetchCause = "demand" | "startup" | "read-ahead" | "background";

/** Higher goes first. */
export const rankOf: Readonly<Record<FetchCause, number>> = { demand: 3, startup: 2, "read-ahead": 1, background: 0 };
