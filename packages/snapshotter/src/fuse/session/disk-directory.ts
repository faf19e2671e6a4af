import { blockSizeBytes } from "@sluice/disk";
import { type DiskFile, lastReservedInode } from "../serve/disk-file.js";

/** A disk to show as a file. Columns as in {@link DiskFile}; those outside shared memory are copied there. */
export interface NewDisk {
  readonly name: string;
  readonly sizeBytes: number;
  readonly startBlock: Uint32Array;
  readonly blocks: Uint32Array;
  readonly slots: Int32Array;
  readonly offsetInChunk: Uint32Array;
  /** Default: 0. */
  readonly metadataBlocks?: number | undefined;
  /** Of a disk that an earlier process of this very mount showed. */
  readonly inode?: number | undefined;
}

/** The files of the mount as the main thread knows them: names are unique, inodes never come twice. */
export class DiskDirectory {
  readonly #byName: Map<string, DiskFile> = new Map();
  readonly #byInode: Map<number, DiskFile> = new Map();
  #nextInode: number;

  /** @param nextInode 0 for a mount that is new */
  constructor(nextInode: number) {
    this.#nextInode = Math.max(nextInode, lastReservedInode + 1);
  }

  get nextInode(): number {
    return this.#nextInode;
  }

  inode(inode: number): DiskFile | undefined {
    return this.#byInode.get(inode);
  }

  values(): Iterable<DiskFile> {
    return this.#byInode.values();
  }

  /** @throws {RangeError} naming what is wrong with the disk */
  add(disk: NewDisk): DiskFile {
    this.#check(disk);
    const inode = disk.inode ?? this.#nextInode;
    this.#nextInode = Math.max(this.#nextInode, inode + 1);
    const file: DiskFile = {
      inode,
      name: disk.name,
      sizeBytes: disk.sizeBytes,
      metadataBlocks: disk.metadataBlocks ?? 0,
      startBlock: inSharedMemory(disk.startBlock, (buffer) => new Uint32Array(buffer)),
      blocks: inSharedMemory(disk.blocks, (buffer) => new Uint32Array(buffer)),
      slots: inSharedMemory(disk.slots, (buffer) => new Int32Array(buffer)),
      offsetInChunk: inSharedMemory(disk.offsetInChunk, (buffer) => new Uint32Array(buffer)),
    };
    this.#byName.set(file.name, file);
    this.#byInode.set(inode, file);
    return file;
  }

  remove(inode: number): DiskFile | undefined {
    const file = this.#byInode.get(inode);
    if (file === undefined) return undefined;
    this.#byInode.delete(inode);
    this.#byName.delete(file.name);
    return file;
  }

  #check(disk: NewDisk): void {
    const isName = /^[A-Za-z0-9._-]{1,200}$/.test(disk.name) && !/^\.+$/.test(disk.name);
    if (!isName) throw wrong(disk, "not a name for a file here");
    if (this.#byName.has(disk.name)) throw wrong(disk, "there is one of this name");
    if (disk.inode !== undefined && (disk.inode <= lastReservedInode || this.#byInode.has(disk.inode))) {
      throw wrong(disk, `inode ${disk.inode} is taken`);
    }
    checkColumns(disk);
  }
}

const wrong = (disk: NewDisk, why: string): RangeError => new RangeError(`disk ${JSON.stringify(disk.name)}: ${why}`);

/** The TOC was checked when it was decoded; this keeps a mistake on the way from there from reading as other bytes. */
function checkColumns(disk: NewDisk): void {
  if (!Number.isSafeInteger(disk.sizeBytes) || disk.sizeBytes < 0 || disk.sizeBytes % blockSizeBytes !== 0) {
    throw wrong(disk, `${disk.sizeBytes} bytes are not whole blocks`);
  }
  const rows = disk.startBlock.length;
  if ([disk.blocks, disk.slots, disk.offsetInChunk].some(({ length }) => length !== rows))
    throw wrong(disk, "its columns differ in length");
  let end = 0;
  for (let row = 0; row < rows; row++) {
    const start = disk.startBlock[row] ?? 0;
    if (start < end) throw wrong(disk, `piece ${row} starts at block ${start}, inside the one before`);
    end = start + (disk.blocks[row] ?? 0);
  }
  if (end * blockSizeBytes > disk.sizeBytes) throw wrong(disk, `its pieces end at block ${end}, behind its end`);
}

type Column = Uint32Array | Int32Array;

function inSharedMemory<T extends Column>(column: T, make: (buffer: SharedArrayBuffer) => T): T {
  if (column.buffer instanceof SharedArrayBuffer) return column;
  const shared = make(new SharedArrayBuffer(column.byteLength));
  shared.set(column);
  return shared;
}
