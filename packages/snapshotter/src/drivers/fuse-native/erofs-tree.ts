import { type ErofsInode, ErofsReader, modeType } from "@sluice/disk";
import type { AbortOptions } from "@sluice/oci";
import { type PathAttributes, PathError, type PathTree, type PathXattr } from "../../fuse/native/path-operations.js";
import type { MountableDisk } from "../driver.js";

/** Inodes kept by path, so that a deep path is not walked from the root for every operation. About 300 bytes each. */
const keptPaths = 4096;

/** The file tree of a disk, read from its EROFS metadata. */
export class ErofsTree implements PathTree {
  readonly sizeBytes: number;
  readonly fileCount: number;
  readonly #reader: ErofsReader;
  readonly #disk: MountableDisk;
  readonly #byPath: Map<string, ErofsInode> = new Map();
  readonly #open: Map<number, ErofsInode> = new Map();
  #lastHandle = 0;

  private constructor(reader: ErofsReader, disk: MountableDisk) {
    this.#reader = reader;
    this.#disk = disk;
    this.sizeBytes = disk.sizeBytes;
    this.fileCount = reader.superblock.inodeCount;
  }

  static async open(disk: MountableDisk, options?: AbortOptions): Promise<ErofsTree> {
    const reader = await ErofsReader.open((offset, length, given) => disk.read(offset, length, given), options);
    return new ErofsTree(reader, disk);
  }

  async attributes(path: readonly Uint8Array[], options: AbortOptions): Promise<PathAttributes> {
    const inode = await this.#inode(path, options);
    return {
      mode: inode.mode,
      uid: inode.uid,
      gid: inode.gid,
      sizeBytes: inode.sizeBytes,
      linkCount: inode.linkCount,
      inode: inode.nid,
      rdevMajor: inode.rdevMajor,
      rdevMinor: inode.rdevMinor,
      mtimeMs: inode.mtimeSeconds * 1000 + Math.floor(inode.mtimeNanoseconds / 1e6),
    };
  }

  async names(path: readonly Uint8Array[], options: AbortOptions): Promise<Uint8Array[]> {
    const directory = await this.#inode(path, options);
    if (typeOf(directory) !== modeType.directory) throw new PathError("ENOTDIR");
    const names: Uint8Array[] = [];
    for await (const { name } of this.#reader.readDirectory(directory, options)) names.push(Uint8Array.from(name));
    return names;
  }

  async linkTarget(path: readonly Uint8Array[], options: AbortOptions): Promise<Uint8Array> {
    const link = await this.#inode(path, options);
    if (typeOf(link) !== modeType.symlink) throw new PathError("EINVAL");
    return await this.#reader.readLink(link, options);
  }

  async xattrs(path: readonly Uint8Array[], options: AbortOptions): Promise<readonly PathXattr[]> {
    return await this.#reader.xattrs(await this.#inode(path, options), options);
  }

  async open(path: readonly Uint8Array[], options: AbortOptions): Promise<number> {
    const inode = await this.#inode(path, options);
    if (typeOf(inode) !== modeType.file)
      throw new PathError(typeOf(inode) === modeType.directory ? "EISDIR" : "EINVAL");
    this.#lastHandle++;
    this.#open.set(this.#lastHandle, inode);
    return this.#lastHandle;
  }

  release(handle: number): void {
    this.#open.delete(handle);
  }

  /** Asks for all the extents that the range touches at once. */
  async read(handle: number, offset: number, length: number, options: AbortOptions): Promise<Uint8Array> {
    const inode = this.#open.get(handle);
    if (inode === undefined) throw new PathError("EBADF");
    const end = Math.min(offset + length, inode.sizeBytes);
    const pieces = this.#reader.fileExtents(inode).flatMap((extent) => {
      const from = Math.max(offset, extent.fileOffset);
      const to = Math.min(end, extent.fileOffset + extent.lengthBytes);
      if (from >= to) return [];
      return [this.#disk.read(extent.diskOffset + from - extent.fileOffset, to - from, options)];
    });
    const read = await Promise.all(pieces);
    return read.length === 1 && read[0] !== undefined ? read[0] : Buffer.concat(read);
  }

  async #inode(path: readonly Uint8Array[], options: AbortOptions): Promise<ErofsInode> {
    const key = path.map((name) => Buffer.from(name).toString("latin1")).join("/");
    const known = this.#byPath.get(key);
    if (known !== undefined) return known;
    const last = path.at(-1);
    const inode = last === undefined ? await this.#root(options) : await this.#child(path.slice(0, -1), last, options);
    if (this.#byPath.size >= keptPaths) this.#byPath.clear();
    this.#byPath.set(key, inode);
    return inode;
  }

  #root(options: AbortOptions): Promise<ErofsInode> {
    return this.#reader.inode(this.#reader.superblock.rootNid, options);
  }

  async #child(parent: readonly Uint8Array[], name: Uint8Array, options: AbortOptions): Promise<ErofsInode> {
    const directory = await this.#inode(parent, options);
    if (typeOf(directory) !== modeType.directory) throw new PathError("ENOTDIR");
    const entry = await this.#reader.lookup(directory, name, options);
    if (entry === undefined) throw new PathError("ENOENT");
    return await this.#reader.inode(entry.nid, options);
  }
}

const typeOf = (inode: ErofsInode): number => inode.mode & modeType.mask;
