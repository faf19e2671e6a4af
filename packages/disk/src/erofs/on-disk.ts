import { entryType } from "../layer/layer-index.js";

/** Where the superblock starts; the bytes before it are for boot sectors. Bytes. `erofs_fs.h`: EROFS_SUPER_OFFSET */
export const superblockOffset = 1024;
export const superblockBytes = 128;
export const superblockMagic = 0xe0f5e1e2;
/** The superblock has a crc32c of its block. `EROFS_FEATURE_COMPAT_SB_CHKSUM` */
export const featureChecksum = 1;
/** Times are modification times. `EROFS_FEATURE_COMPAT_MTIME` */
export const featureMtime = 2;

/** A node number counts these from the start of the metadata. Bytes. */
export const slotBytes = 32;
export const compactInodeBytes = 32;
export const extendedInodeBytes = 64;
/** 8 node number + 2 name offset + 1 file type + 1 reserved. Bytes. `struct erofs_dirent` */
export const direntBytes: number = 8 + 2 + 1 + 1;

/** Where the data of an inode are. `erofs_fs.h`: EROFS_INODE_FLAT_* */
export const dataLayout = {
  /** In blocks that follow one another. */
  plain: 0,
  /** As plain, but the last block's worth lies behind the inode. */
  inline: 2,
} as const;

/** The file type in directory entries. `fs_types.h`: FT_* */
export const direntType = {
  file: 1,
  directory: 2,
  characterDevice: 3,
  blockDevice: 4,
  fifo: 5,
  socket: 6,
  symlink: 7,
} as const;

/** The type bits of `st_mode`. `stat.h`: S_IFMT and S_IF* */
export const modeType = {
  mask: 0o170000,
  fifo: 0o010000,
  characterDevice: 0o020000,
  directory: 0o040000,
  blockDevice: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
} as const;

interface TypeCodes {
  readonly mode: number;
  readonly dirent: number;
}

const codesByType: ReadonlyMap<number, TypeCodes> = new Map([
  [entryType.file, { mode: modeType.file, dirent: direntType.file }],
  [entryType.directory, { mode: modeType.directory, dirent: direntType.directory }],
  [entryType.symlink, { mode: modeType.symlink, dirent: direntType.symlink }],
  [entryType.characterDevice, { mode: modeType.characterDevice, dirent: direntType.characterDevice }],
  [entryType.blockDevice, { mode: modeType.blockDevice, dirent: direntType.blockDevice }],
  [entryType.fifo, { mode: modeType.fifo, dirent: direntType.fifo }],
]);

/** @throws {RangeError} for types that are no inodes (hard link, whiteout, opaque) */
export function typeCodes(type: number): TypeCodes {
  const codes = codesByType.get(type);
  if (codes === undefined) throw new RangeError(`no inode is of entry type ${type}`);
  return codes;
}
