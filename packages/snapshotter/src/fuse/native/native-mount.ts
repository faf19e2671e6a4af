import { execFile } from "node:child_process";
import { constants as files } from "node:fs";
import { createRequire } from "node:module";
import { constants } from "node:os";
import { promisify } from "node:util";
import { connectionEnded, connectionOn, ensureControl, type FuseConnection } from "../kernel/connection.js";
import { holdersOf } from "../kernel/holders.js";
import { MountBusyError, unmount } from "../kernel/mount.js";
import { isMountpoint } from "../kernel/mount-table.js";
import { answer } from "./answer.js";
import type { NativeCallback, NativeFuse, NativeFuseClass, NativeOperations, Signal } from "./fuse-native-types.js";
import { byteNamesModule, namesOfPath, stringOfName } from "./names.js";
import { nativeStat } from "./native-stat.js";
import type { PathTree, PathXattr } from "./path-operations.js";

const { errno } = constants;
const run = promisify(execFile);

export interface PathMountOptions {
  /** Shown as the source of the mount. ASCII letters, digits, `-`, `_`, `.`. */
  readonly source: string;
  /** Every operation is answered before this has passed. Milliseconds. */
  readonly deadlineMs: number;
  /** Told of operations that were answered with EIO. Must not throw. */
  readonly onFailure: (what: string, error: unknown) => void;
}

/** libfuse speaks to the kernel in requests of up to this size. Bytes. */
const maxReadBytes = 131_072;
/** Nothing in the tree ever changes. Seconds. */
const validSeconds = 36_000;

/**
 * The package, loaded when it is first needed: where libfuse 2 is missing, loading fails.
 *
 * Its own way to unmount is a shell command that unmounts lazily; ours says who is in the way.
 */
export function loadFuseNative(): NativeFuseClass {
  const fuse = createRequire(import.meta.url)("fuse-native") as NativeFuseClass; // it has no types of its own
  fuse.unmount = (mountpoint, cb) => {
    unmountAsAnyone(mountpoint, false).then(() => cb(null), cb);
  };
  return fuse;
}

/** Root asks the kernel; others ask fusermount, which may. @throws {MountBusyError} */
export async function unmountAsAnyone(mountpoint: string, lazy: boolean): Promise<void> {
  if (process.getuid?.() === 0) return await unmount(mountpoint, { lazy });
  try {
    await run("fusermount", [lazy ? "-uz" : "-u", "--", mountpoint]);
  } catch (error) {
    if (!(await isMountpoint(mountpoint))) return;
    const isBusy = error instanceof Error && /busy/i.test(error.message);
    throw isBusy ? new MountBusyError(mountpoint, await holdersOf(mountpoint), { cause: error }) : error;
  }
}

/** A tree mounted through libfuse. Lives on this thread's event loop: never read the mount from this process. */
export class PathMount {
  readonly mountpoint: string;
  readonly #fuse: NativeFuse;
  readonly #connection: FuseConnection | undefined;

  private constructor(mountpoint: string, fuse: NativeFuse, connection: FuseConnection | undefined) {
    this.mountpoint = mountpoint;
    this.#fuse = fuse;
    this.#connection = connection;
  }

  static async mount(tree: PathTree, mountpoint: string, options: PathMountOptions): Promise<PathMount> {
    const Fuse = loadFuseNative();
    await ensureControl();
    const isRoot = process.getuid?.() === 0;
    const fuse = new Fuse(mountpoint, operationsOf(tree, options), {
      force: false,
      timeout: false, // the deadline is ours
      allowOther: isRoot,
      defaultPermissions: true,
      kernelCache: true,
      maxRead: maxReadBytes,
      fsname: `${options.source},ro,use_ino`, // and, by libfuse's own choice, nosuid and nodev
      attrTimeout: validSeconds,
      entryTimeout: validSeconds,
      modules: byteNamesModule,
    });
    takeXattrs(fuse, tree, options);
    await new Promise<void>((resolve, reject) => fuse.mount((error) => (error ? reject(error) : resolve())));
    return new PathMount(mountpoint, fuse, await connectionOn(mountpoint));
  }

  /** Resolves when nobody can read any more: after an unmount; after a lazy one, when the last user has left. */
  async ended(): Promise<void> {
    if (this.#connection) await connectionEnded(this.#connection);
  }

  /** @throws {MountBusyError} without `lazy`, when somebody uses it */
  async unmount(options: { readonly lazy: boolean }): Promise<void> {
    if (options.lazy) await unmountAsAnyone(this.mountpoint, true);
    await new Promise<void>((resolve, reject) => this.#fuse.unmount((error) => (error ? reject(error) : resolve())));
  }
}

function operationsOf(tree: PathTree, { deadlineMs, onFailure }: PathMountOptions): NativeOperations {
  /** The common way: a path in, one result out. */
  function reply<T, R>(
    what: string,
    path: string,
    cb: NativeCallback<[R?]>,
    work: (names: Uint8Array[], options: { readonly signal?: AbortSignal | undefined }) => Promise<T>,
    shown: (result: T) => R,
  ): void {
    answer(
      (options) => work(namesOfPath(path), options),
      deadlineMs,
      (result) => cb(0, shown(result)),
      cb,
      (error) => onFailure(`${what} ${path}`, error),
    );
  }
  return {
    getattr: (path, cb) => reply("getattr", path, cb, (names, o) => tree.attributes(names, o), nativeStat),
    readdir: (path, cb) =>
      reply(
        "readdir",
        path,
        cb,
        (names, o) => tree.names(names, o),
        (names) => names.map(stringOfName),
      ),
    readlink: (path, cb) => reply("readlink", path, cb, (names, o) => tree.linkTarget(names, o), stringOfName),
    open: (path, flags, cb) => {
      if ((flags & (files.O_WRONLY | files.O_RDWR)) !== 0) return cb(-errno.EROFS);
      reply(
        "open",
        path,
        cb,
        (names, o) => tree.open(names, o),
        (handle) => handle,
      );
    },
    release: (_path, handle, cb) => {
      tree.release(handle);
      cb(0);
    },
    read: (path, handle, into, length, offset, cb) => {
      answer(
        (options) => tree.read(handle, offset, length, options),
        deadlineMs,
        (bytes) => {
          into.set(bytes);
          cb(bytes.byteLength);
        },
        cb,
        (error) => onFailure(`read of ${length} bytes at ${offset} of ${path}`, error),
      );
    },
    statfs: (_path, cb) => cb(0, statfsOf(tree)),
    getxattr: true, // answered by takeXattrs
    listxattr: true,
  };
}

const statfsOf = (tree: PathTree): Readonly<Record<string, number>> => ({
  bsize: 4096,
  frsize: 4096,
  blocks: Math.ceil(tree.sizeBytes / 4096),
  files: tree.fileCount,
  namemax: 255,
});

/** The package's own handling of xattrs does not know how much room there is, and takes names for text. */
function takeXattrs(fuse: NativeFuse, tree: PathTree, { deadlineMs, onFailure }: PathMountOptions): void {
  const give = (
    what: string,
    path: string,
    signal: Signal,
    into: Buffer,
    pick: (all: readonly PathXattr[]) => Uint8Array | undefined,
  ): void =>
    answer(
      (options) => tree.xattrs(namesOfPath(path), options),
      deadlineMs,
      (all) => signal(copied(pick(all), into), into.buffer),
      (code) => signal(code, into.buffer),
      (error) => onFailure(`${what} ${path}`, error),
    );
  fuse._op_listxattr = (signal, path, into) => give("listxattr", path, signal, into, nameList);
  fuse._op_getxattr = (signal, path, name, into) =>
    give(
      "getxattr",
      path,
      signal,
      into,
      (all) => all.find((each) => Buffer.from(each.name).toString() === name)?.value,
    );
}

/** As listxattr(2) gives them: each ended by a NUL. */
const nameList = (all: readonly PathXattr[]): Uint8Array =>
  Buffer.concat(all.flatMap(({ name }) => [name, Buffer.of(0)]));

/** As getxattr(2) counts: an empty buffer asks for the size. */
function copied(value: Uint8Array | undefined, into: Buffer): number {
  if (value === undefined) return -errno.ENODATA;
  if (into.byteLength === 0) return value.byteLength;
  if (value.byteLength > into.byteLength) return -errno.ERANGE;
  into.set(value);
  return value.byteLength;
}
