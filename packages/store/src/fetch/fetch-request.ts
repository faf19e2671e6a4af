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

/** The same bytes of the same blob, said to be the same chunk, by whoever says so. */
export const isSamePlace = (a: ChunkPlace, b: ChunkPlace): boolean => placeName(a) === placeName(b);

/** What {@link isSamePlace} compares. */
export const placeName = ({ id, sizeBytes, blob, frame, isReplaceable }: ChunkPlace): string =>
  `${id} ${sizeBytes} ${blob} ${frame.start} ${frame.end} ${isReplaceable === true}`;

/**
 * Why a chunk is fetched, in falling rank. `demand`: a reader waits. `startup`: it comes in the stream of a start. `read-ahead`: a
 * reader is expected soon. `background`: it fills the store.
 */
export type FetchCause = "demand" | "startup" | "read-ahead" | "background";

/** Higher goes first. */
export const rankOf: Readonly<Record<FetchCause, number>> = { demand: 3, startup: 2, "read-ahead": 1, background: 0 };
