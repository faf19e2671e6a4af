/**
 * The face of the package `fuse-native` 2.2.6, which brings no types, as far as it is used here. Errors are negative errnos; methods that start
 * with `_op_` are what its C side calls, with the raw buffers of libfuse, which belong to us until `signal` is called.
 */
export type Signal = (errorOrCount: number, ...results: unknown[]) => void;

/** What `getattr` gives. Times go through milliseconds; `ino` and `rdev` through 32 bits. */
export interface NativeStat {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly nlink: number;
  readonly ino: number;
  readonly rdev: number;
  readonly blksize: number;
  readonly blocks: number;
  readonly atime: number;
  readonly mtime: number;
  readonly ctime: number;
}

interface NativeOptions {
  readonly force: boolean;
  readonly timeout: false;
  readonly allowOther: boolean;
  readonly defaultPermissions: boolean;
  readonly kernelCache: boolean;
  readonly maxRead: number;
  /** Joined unquoted into the option list of libfuse, so more options may follow behind commas. */
  readonly fsname: string;
  readonly attrTimeout: number;
  readonly entryTimeout: number;
  readonly modules: string;
}

export type NativeCallback<R extends unknown[]> = (error: number, ...results: R) => void;

export interface NativeOperations {
  getattr(path: string, cb: NativeCallback<[NativeStat?]>): void;
  readdir(path: string, cb: NativeCallback<[string[]?]>): void;
  readlink(path: string, cb: NativeCallback<[string?]>): void;
  open(path: string, flags: number, cb: NativeCallback<[number?]>): void;
  release(path: string, handle: number, cb: NativeCallback<[]>): void;
  read(path: string, handle: number, into: Buffer, length: number, offset: number, cb: (count: number) => void): void;
  statfs(path: string, cb: NativeCallback<[Readonly<Record<string, number>>?]>): void;
  getxattr: true;
  listxattr: true;
}

/** An instance, its overridable parts included. */
export interface NativeFuse {
  mount(cb: (error: Error | null) => void): void;
  unmount(cb: (error: Error | null) => void): void;
  _op_getxattr(signal: Signal, path: string, name: string, into: Buffer, position: number): void;
  _op_listxattr(signal: Signal, path: string, into: Buffer): void;
}

export interface NativeFuseClass {
  new (mountpoint: string, operations: NativeOperations, options: NativeOptions): NativeFuse;
  /** What {@link NativeFuse.unmount} calls first. By default a shell with `fusermount -uz`. */
  unmount: (mountpoint: string, cb: (error: Error | null) => void) => void;
}
