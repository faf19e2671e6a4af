import type { Readable } from "node:stream";
import type { AbortOptions, ByteRange, Digest } from "@sluice/oci";

/** What the registry needs of a store of whole blobs. Repositories are not its business: one copy serves all of them. */
export interface RegistryBlobs {
  /** Size in bytes; undefined when the blob is not stored. */
  sizeOf(digest: Digest, options?: AbortOptions): Promise<number | undefined>;
  /** The bytes of a stored blob in `range`, which must lie inside it. Whoever asks destroys the stream if it does not end. */
  read(digest: Digest, range: ByteRange): Readable;
  startUpload(options?: AbortOptions): Promise<BlobUpload>;
}

/** A blob that arrives piece by piece. One call at a time. */
export interface BlobUpload {
  /** Unguessable. */
  readonly id: string;
  /** Bytes that have arrived and are kept. */
  readonly sizeBytes: number;
  /** Adds the bytes of `source`. When the source fails, what had arrived of it stays. */
  append(source: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<void>;
  /**
   * Makes the blob visible under its digest, durably. Ends the upload.
   * @throws {DigestMismatchError} when the bytes are not the ones named; nothing is kept of them
   */
  commit(digest: Digest): Promise<void>;
  /** Ends the upload and forgets its bytes. Again: nothing. */
  cancel(): Promise<void>;
}
