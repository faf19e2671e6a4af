import type { ByteRange, Digest } from "@sluice/oci/content";

/** Where one chunk lies: everything a fetch needs, and nothing of images. */
export interface ChunkPlace {
  readonly id: Digest;
  /** Uncompressed. Bytes. */
  readonly sizeBytes: number;
  readonly blob: Digest;
  /** Of the zstd frame in the blob. */
  readonly frame: ByteRange;
  /** Whoever wants the chunk can have the same bytes in another way: also a reader is told soon that it cannot be had here, instead of waiting for better times. */
  readonly isReplaceable?: boolean;
}

/**
 * Why a chunk is fetched, in falling rank. `demand`: a reader waits. `startup`: it comes in the stream of a start. `read-ahead`: a
 * reader is expected soon. `background`: it fills the store.
 */
export type FetchCause = "demand" | "startup" | "read-ahead" | "background";

/** Higher goes first. */
export const rankOf: Readonly<Record<FetchCause, number>> = { demand: 3, startup: 2, "read-ahead": 1, background: 0 };
