import type { ByteRange, Digest } from "@sluice/oci";

/** Where one chunk lies: everything a fetch needs, and nothing of images. */
export interface ChunkPlace {
  readonly id: Digest;
  /** Uncompressed. Bytes. */
  readonly sizeBytes: number;
  readonly blob: Digest;
  /** Of the zstd frame in the blob. */
  readonly frame: ByteRange;
}

/** Why a chunk is fetched, in falling rank. `demand`: a reader waits. `read-ahead`: one is expected soon. `background`: fills the store. */
export type FetchCause = "demand" | "read-ahead" | "background";
