import type { AbortOptions } from "@sluice/oci";

/** What stat(2) shows. */
export interface PathAttributes {
  /** Type and permissions. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly linkCount: number;
  readonly inode: number;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  /** Milliseconds since 1970; earlier times cannot be shown. */
  readonly mtimeMs: number;
}

/** One extended attribute. */
export interface PathXattr {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * A read-only file tree, path by path, as libfuse's high-level interface wants it. A path is a list of names, from the root, which is the empty list. Names are bytes.
 *
 * Methods reject with {@link PathError} for what a file system says in the normal course of things; with anything else, the reader gets EIO and the cause is reported.
 * Every call has a signal that fires when nobody waits for its result any more.
 */
export interface PathTree {
  attributes(path: readonly Uint8Array[], options: AbortOptions): Promise<PathAttributes>;
  names(path: readonly Uint8Array[], options: AbortOptions): Promise<Uint8Array[]>;
  linkTarget(path: readonly Uint8Array[], options: AbortOptions): Promise<Uint8Array>;
  xattrs(path: readonly Uint8Array[], options: AbortOptions): Promise<readonly PathXattr[]>;
  /** @returns a number above 0 for {@link PathTree.read} */
  open(path: readonly Uint8Array[], options: AbortOptions): Promise<number>;
  /** Up to `length` bytes; fewer only at the end of the file. */
  read(handle: number, offset: number, length: number, options: AbortOptions): Promise<Uint8Array>;
  release(handle: number): void;
  readonly sizeBytes: number;
  readonly fileCount: number;
}

/** An answer of a file system that is no failure of it. */
export class PathError extends Error {
  override readonly name = "PathError";
  readonly code: "ENOENT" | "ENOTDIR" | "EISDIR" | "EINVAL" | "EBADF";
  constructor(code: PathError["code"]) {
    super(code);
    this.code = code;
  }
}
