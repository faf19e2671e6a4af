import type { AbortOptions } from "@sluice/oci/content";
import { readI64, readU64, viewOf } from "../binary/integers.js";
import { blockSizeBytes } from "../blocks.js";
import { InvalidFormatError } from "../invalid-format-error.js";
import type { MetadataBlocks } from "./metadata-blocks.js";
import { compactInodeBytes, dataLayout, extendedInodeBytes, modeType, slotBytes } from "./on-disk.js";
import type { Superblock } from "./read-superblock.js";
import { xattrHeaderBytes } from "./xattr-size.js";

/** An inode as stat(2) shows it, and where its parts lie on the disk. */
export interface ErofsInode {
  readonly nid: number;
  /** Type and permission bits, as `st_mode`. */
  readonly mode: number;
  readonly linkCount: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  readonly rdevMajor: number;
  readonly rdevMinor: number;
  /** A number of `dataLayout`; others are refused when the data are asked for. */
  readonly layout: number;
  /** First block of the data. Bytes from the start of the disk. */
  readonly dataOffset: number;
  /** Where the extended attributes start, and how long they are. Bytes. */
  readonly xattrOffset: number;
  readonly xattrBytes: number;
}

/** A run of bytes of a file: from `fileOffset` in the file, at `diskOffset` on the disk. Bytes. */
export interface DataExtent {
  readonly fileOffset: number;
  readonly diskOffset: number;
  readonly lengthBytes: number;
}

const part = "EROFS inode";
const knownTypes: ReadonlySet<number> = new Set(Object.values(modeType).filter((type) => type !== modeType.mask));

/** @throws {InvalidFormatError} if there is no inode at that node number */
export async function readInode(
  blocks: MetadataBlocks,
  superblock: Superblock,
  nid: number,
  options?: AbortOptions,
): Promise<ErofsInode> {
  const place = `node ${nid}`;
  const offset = superblock.metadataOffset + nid * slotBytes;
  const head = await blocks.read(offset, compactInodeBytes, place, options);
  const format = viewOf(head).getUint16(0, true);
  if (format > 0xf) throw new InvalidFormatError(part, `${place}, format`, "at most 0xf", format);
  const isExtended = (format & 1) === 1;
  const inodeBytes = isExtended ? extendedInodeBytes : compactInodeBytes;
  const view = viewOf(isExtended ? await blocks.read(offset, inodeBytes, place, options) : head);
  const fields = isExtended ? extendedFields(view, place) : compactFields(view, superblock);
  const mode = view.getUint16(4, true);
  if (!knownTypes.has(mode & modeType.mask)) {
    throw new InvalidFormatError(part, `${place}, mode`, "a known file type", `0o${mode.toString(8)}`);
  }
  if (fields.mtimeNanoseconds > 999_999_999) {
    throw new InvalidFormatError(part, `${place}, time`, "at most 999,999,999 nanoseconds", fields.mtimeNanoseconds);
  }
  const xattrUnits = view.getUint16(2, true);
  const address = view.getUint32(16, true);
  const isDevice = [modeType.characterDevice, modeType.blockDevice].some((type) => type === (mode & modeType.mask));
  return {
    nid,
    mode,
    ...fields,
    rdevMajor: isDevice ? (address >>> 8) & 0xfff : 0,
    rdevMinor: isDevice ? (address & 0xff) | ((address >>> 12) & 0xf_ff00) : 0,
    layout: format >> 1,
    dataOffset: isDevice ? 0 : address * blockSizeBytes,
    xattrOffset: offset + inodeBytes,
    xattrBytes: xattrUnits === 0 ? 0 : xattrHeaderBytes + (xattrUnits - 1) * 4,
  };
}

type FormFields = Pick<ErofsInode, "linkCount" | "uid" | "gid" | "sizeBytes" | "mtimeSeconds" | "mtimeNanoseconds">;

/** `struct erofs_inode_extended` */
const extendedFields = (view: DataView, place: string): FormFields => ({
  sizeBytes: readU64(view, 8, part, `${place}, size`),
  uid: view.getUint32(24, true),
  gid: view.getUint32(28, true),
  mtimeSeconds: readI64(view, 32, part, `${place}, time`),
  mtimeNanoseconds: view.getUint32(40, true),
  linkCount: view.getUint32(44, true),
});

/** `struct erofs_inode_compact` */
const compactFields = (view: DataView, superblock: Superblock): FormFields => ({
  linkCount: view.getUint16(6, true),
  sizeBytes: view.getUint32(8, true),
  uid: view.getUint16(24, true),
  gid: view.getUint16(26, true),
  mtimeSeconds: superblock.buildSeconds,
  mtimeNanoseconds: superblock.buildNanoseconds,
});

/**
 * Where the data of a file, directory or symlink lie: at most two extents, in file order, without gaps, none empty.
 *
 * @throws {InvalidFormatError} if they do not lie on the disk or are laid out in a way this reader does not have (compressed)
 */
export function dataExtents(blocks: MetadataBlocks, inode: ErofsInode): DataExtent[] {
  const place = `node ${inode.nid}, data`;
  if (inode.layout !== dataLayout.plain && inode.layout !== dataLayout.inline) {
    throw new InvalidFormatError(part, place, "a flat layout", `layout ${inode.layout}`);
  }
  const { sizeBytes } = inode;
  const tailBytes = inode.layout === dataLayout.inline ? sizeBytes - wholeBlocksBefore(sizeBytes) : 0;
  const tailOffset = inode.xattrOffset + inode.xattrBytes;
  if ((tailOffset % blockSizeBytes) + tailBytes > blockSizeBytes) {
    throw new InvalidFormatError(part, place, "a tail within one block", `${tailBytes} bytes at ${tailOffset}`);
  }
  const extents = [
    { fileOffset: 0, diskOffset: inode.dataOffset, lengthBytes: sizeBytes - tailBytes },
    { fileOffset: sizeBytes - tailBytes, diskOffset: tailOffset, lengthBytes: tailBytes },
  ].filter(({ lengthBytes }) => lengthBytes > 0);
  for (const { diskOffset, lengthBytes } of extents) blocks.check(diskOffset, lengthBytes, place);
  return extents;
}

/** The bytes in front of the last block's worth, which is never empty. */
const wholeBlocksBefore = (sizeBytes: number): number =>
  sizeBytes === 0 ? 0 : (Math.ceil(sizeBytes / blockSizeBytes) - 1) * blockSizeBytes;
