import type { FileHandle } from "node:fs/promises";
import type { AbortOptions, ByteRange, ContentDigest, ExpectedContent } from "@sluice/oci/content";
import type { PieceMemory } from "./piece-memory.js";

export interface StoredBlob {
  readonly digest: ContentDigest;
  readonly sizeBytes: number;
}

/** A stored blob in a list. */
export interface ListedBlob extends StoredBlob {
  /** When it was stored, or stored again, last. Milliseconds since 1970. */
  readonly storedAtMs: number;
}

export interface SizeOptions extends AbortOptions {
  /** What was there a while ago will do, where asking costs a request: whether it still is, reading tells. */
  readonly mayBeRemembered?: boolean | undefined;
}

export interface ReadOptions extends AbortOptions {
  /** A store that reads from files takes the memory of its pieces from it; others need not. */
  readonly memory?: PieceMemory | undefined;
}

/** Whole blobs by digest. A blob is absent or whole, also for other processes and after a power cut, and never changes. */
export interface BlobStore {
  has(digest: ContentDigest, options?: AbortOptions): Promise<boolean>;

  /** Bytes; undefined when the blob is not stored. */
  sizeOf(digest: ContentDigest, options?: SizeOptions): Promise<number | undefined>;

  /** An address where clients can read a blob that is stored, for a while; undefined, or left out, where only {@link read} does. */
  linkTo?(digest: ContentDigest): Promise<URL | undefined>;

  /**
   * The bytes of `range`, or of the whole blob, in pieces of any size. Leaving the loop closes the file. A blob deleted meanwhile is read to its end.
   *
   * @throws {BlobMissingError} at the first piece
   * @throws {RangeError} if `range` does not lie inside the blob
   */
  read(digest: ContentDigest, range?: ByteRange, options?: ReadOptions): AsyncIterable<Uint8Array>;

  /**
   * The blob as an open file, which the caller closes; left out where blobs are no files. Throws what {@link read} throws, for the range, too.
   */
  openFile?(digest: ContentDigest, range?: ByteRange): Promise<FileHandle>;

  /**
   * Stores what `source` yields, if it is what `expected` says; visible, and durable, when this resolves. Writers of one blob may race: all succeed, one
   * copy stays. When the blob is there already, the source is closed unread.
   *
   * @throws {DigestMismatchError} {SizeMismatchError} {NoSpaceError} and whatever the source throws; nothing stays then
   */
  put(expected: ExpectedContent, source: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<void>;

  /** @returns false if it was not there */
  delete(digest: ContentDigest, options?: AbortOptions): Promise<boolean>;

  /** In no order; blobs put or deleted meanwhile may or may not come. */
  list(options?: AbortOptions): AsyncIterable<ListedBlob>;
}
