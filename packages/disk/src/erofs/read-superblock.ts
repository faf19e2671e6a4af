import { readU64, viewOf } from "../binary/integers.js";
import { blockSizeBytes } from "../blocks.js";
import { InvalidFormatError } from "../invalid-format-error.js";
import { crc32c } from "./crc32c.js";
import { featureChecksum, slotBytes, superblockMagic, superblockOffset } from "./on-disk.js";

/** What a reader needs of the superblock. */
export interface Superblock {
  readonly rootNid: number;
  readonly inodeCount: number;
  /** Length of the disk. Blocks. */
  readonly diskBlocks: number;
  /** Node number 0 is here. Bytes. */
  readonly metadataOffset: number;
  /** Shared extended attribute 0 is here. Bytes. */
  readonly sharedXattrOffset: number;
  /** The time of compact inodes. */
  readonly buildSeconds: number;
  readonly buildNanoseconds: number;
}

/** `ZERO_PADDING` (of compressed data, of which there are none) and `CHUNKED_FILE` (such files are refused one by one). */
const harmlessFeatures = 0x1 | 0x4;
const blockSizeBits = 12;
const part = "EROFS superblock";

/** @param block the first of the disk @throws {InvalidFormatError} naming the field, also for features this reader does not have */
export function readSuperblock(block: Uint8Array): Superblock {
  const bytes = block.subarray(superblockOffset, blockSizeBytes);
  const view = viewOf(bytes);
  const magic = view.getUint32(0, true);
  if (magic !== superblockMagic) throw new InvalidFormatError(part, "magic", hex(superblockMagic), hex(magic));
  checkChecksum(bytes, view);
  expectField("block size bits", view.getUint8(12), blockSizeBits);
  expectField("incompatible features", view.getUint32(80, true) & ~harmlessFeatures, 0);
  expectField("extra devices", view.getUint16(86, true), 0);
  expectField("directory block bits", view.getUint8(90), 0);
  const superblock: Superblock = {
    rootNid: view.getUint16(14, true),
    inodeCount: readU64(view, 16, part, "inodes"),
    buildSeconds: readU64(view, 24, part, "build time"),
    buildNanoseconds: view.getUint32(32, true),
    diskBlocks: view.getUint32(36, true),
    metadataOffset: view.getUint32(40, true) * blockSizeBytes,
    sharedXattrOffset: view.getUint32(44, true) * blockSizeBytes,
  };
  const diskBytes = superblock.diskBlocks * blockSizeBytes;
  const rootOffset = superblock.metadataOffset + superblock.rootNid * slotBytes;
  if (rootOffset + slotBytes > diskBytes) {
    throw new InvalidFormatError(part, "root node number", `a place on the disk of ${diskBytes} bytes`, rootOffset);
  }
  if (superblock.buildNanoseconds > 999_999_999) {
    throw new InvalidFormatError(part, "build time", "at most 999,999,999 nanoseconds", superblock.buildNanoseconds);
  }
  return superblock;
}

/** The crc32c covers the block from the superblock on, with the checksum itself as zero. */
function checkChecksum(bytes: Uint8Array, view: DataView): void {
  if ((view.getUint32(8, true) & featureChecksum) === 0) return;
  const stored = view.getUint32(4, true);
  const zeroed = bytes.slice();
  zeroed.fill(0, 4, 8);
  const actual = crc32c(zeroed);
  if (actual !== stored) throw new InvalidFormatError(part, "checksum", hex(actual), hex(stored));
}

function expectField(field: string, found: number, expected: number): void {
  if (found !== expected) throw new InvalidFormatError(part, field, String(expected), found);
}

const hex = (value: number): string => `0x${value.toString(16)}`;
