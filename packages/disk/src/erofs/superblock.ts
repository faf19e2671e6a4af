import { createHash } from "node:crypto";
import { viewOf } from "../binary/integers.js";
import { blockSizeBytes } from "../blocks.js";
import { crc32c } from "./crc32c.js";
import { featureChecksum, featureMtime, superblockBytes, superblockMagic, superblockOffset } from "./on-disk.js";
import type { ErofsPlan } from "./plan-erofs.js";

/** Where the metadata's neighbours on the disk are. */
export interface DiskAddresses {
  /** First disk block of each layer's data region, in the order of the layers that were merged. */
  readonly layerStartBlocks: readonly number[];
  /** Length of the whole disk. Blocks. */
  readonly diskBlocks: number;
}

const blockSizeBits = 12;

/** Writes the superblock into `block`, the disk's first, which is otherwise complete: its checksum covers what follows it. */
export function writeSuperblock(block: Uint8Array, plan: ErofsPlan, addresses: DiskAddresses): void {
  const superblock = block.subarray(superblockOffset, superblockOffset + superblockBytes);
  const view = viewOf(superblock);
  view.setUint32(0, superblockMagic, true);
  view.setUint32(8, featureChecksum | featureMtime, true);
  view.setUint8(12, blockSizeBits);
  view.setUint16(14, plan.slot[0] ?? 0, true);
  view.setUint32(16, plan.tree.inodeCount, true); // u64
  view.setUint32(36, addresses.diskBlocks, true);
  superblock.set(uuidOf(plan, addresses), 48);
  view.setUint32(4, crc32c(block.subarray(superblockOffset, blockSizeBytes)), true);
}

/** A UUID of version 8 from what the disk is made of: equal disks have equal ones. */
function uuidOf({ tree, slot }: ErofsPlan, { layerStartBlocks, diskBlocks }: DiskAddresses): Uint8Array {
  const hash = createHash("sha256").update(`${diskBlocks} ${layerStartBlocks.join(" ")}\n`);
  const columns: ArrayBufferView[] = [
    slot,
    tree.type,
    tree.mode,
    tree.uid,
    tree.gid,
    tree.mtimeSeconds,
    tree.mtimeNanoseconds,
  ];
  columns.push(tree.linkCount, tree.layer, tree.startBlock, tree.sizeBytes, tree.rdevMajor, tree.rdevMinor);
  columns.push(tree.entryInode, tree.firstEntry);
  for (const column of columns) hash.update(new Uint8Array(column.buffer, column.byteOffset, column.byteLength));
  for (const strings of [tree.target, tree.xattrs, tree.entryName]) hash.update(strings.ends).update(strings.bytes);
  const uuid = hash.digest().subarray(0, 16);
  uuid[6] = ((uuid[6] ?? 0) & 0x0f) | 0x80;
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80;
  return uuid;
}
