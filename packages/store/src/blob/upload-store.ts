import type { AbortOptions, ExpectedContent } from "@sluice/oci/content";
import type { StoredBlob } from "./blob-store.js";

export interface UploadStatus {
  readonly id: string;
  /** Bytes that have arrived; the next append goes here. */
  readonly sizeBytes: number;
  /** When bytes last arrived. Milliseconds since 1970. */
  readonly changedAtMs: number;
}

/** Blobs that arrive piece by piece, over several connections and lives of the process. */
export interface UploadStore {
  /** Begins an upload. @returns its id: unguessable, 36 characters of a UUID */
  create(options?: AbortOptions): Promise<string>;

  /** @throws {UploadUnknownError} also for an id that is no UUID */
  status(id: string, options?: AbortOptions): Promise<UploadStatus>;

  /**
   * Adds what `source` yields behind the bytes that are there. When it fails, what had arrived stays, and the status tells how much.
   *
   * @returns bytes of the upload after it
   * @throws {UploadUnknownError} {UploadOffsetError} {UploadBusyError} {NoSpaceError} and whatever the source throws
   */
  append(id: string, offset: number, source: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<number>;

  /**
   * Makes the upload a blob of the store, durably, and ends it.
   *
   * @throws {DigestMismatchError} {SizeMismatchError} the upload has ended all the same: more bytes cannot mend it
   * @throws {UploadUnknownError} {UploadBusyError}
   */
  commit(id: string, expected: ExpectedContent, options?: AbortOptions): Promise<StoredBlob>;

  /** Ends the upload and forgets its bytes. Again, or of an unknown one: nothing. @throws {UploadBusyError} */
  abort(id: string): Promise<void>;

  /** For whoever ends those that nobody has touched for too long. */
  list(options?: AbortOptions): AsyncIterable<UploadStatus>;
}
