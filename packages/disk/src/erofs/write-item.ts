import { writeInt64 } from "../binary/integers.js";
import { byteString } from "../byte-strings.js";
import { entryType } from "../layer/layer-index.js";
import { noLayer } from "../merge/merged-tree.js";
import type { Canvas } from "./canvas.js";
import type { DirectoryEntries } from "./directory-entries.js";
import { dataLayout, extendedInodeBytes, typeCodes } from "./on-disk.js";
import type { ErofsPlan } from "./plan-erofs.js";
import { writeEntries } from "./write-entries.js";
import { writeXattrs } from "./write-xattrs.js";
import { xattrHeaderBytes } from "./xattr-size.js";

/** Bit 0 of `i_format`: the inode is of the extended form. */
const extendedFormat = 1;

/** Writes the items of one disk: an inode and what lies behind it. */
export class ItemWriter {
  readonly #plan: ErofsPlan;
  readonly #layerStartBlocks: readonly number[];
  readonly #entries: DirectoryEntries;

  constructor(plan: ErofsPlan, layerStartBlocks: readonly number[], entries: DirectoryEntries) {
    this.#plan = plan;
    this.#layerStartBlocks = layerStartBlocks;
    this.#entries = entries;
  }

  /** Writes the item of `inode`, which takes `itemBytes`, at `at`. */
  write(canvas: Canvas, at: number, inode: number): void {
    const { tree, layout, xattrBytes } = this.#plan;
    const behind = at + extendedInodeBytes;
    const xattrs = xattrBytes[inode] ?? 0;
    this.#writeInode(canvas.view, at, inode);
    if (xattrs > 0) writeXattrs(canvas.bytes, behind, byteString(tree.xattrs, inode));
    if (layout[inode] === dataLayout.inline) this.#writeTail(canvas, behind + xattrs, inode);
  }

  /** `struct erofs_inode_extended` */
  #writeInode(view: DataView, at: number, inode: number): void {
    const plan = this.#plan;
    const { tree } = plan;
    const xattrs = plan.xattrBytes[inode] ?? 0;
    view.setUint16(at, extendedFormat | ((plan.layout[inode] ?? 0) << 1), true);
    view.setUint16(at + 2, xattrs === 0 ? 0 : (xattrs - xattrHeaderBytes) / 4 + 1, true);
    view.setUint16(at + 4, typeCodes(tree.type[inode] ?? 0).mode | (tree.mode[inode] ?? 0), true);
    writeInt64(view, at + 8, plan.sizeBytes[inode] ?? 0);
    view.setUint32(at + 16, addressOf(plan, inode, this.#layerStartBlocks), true);
    view.setUint32(at + 20, plan.slot[inode] ?? 0, true);
    view.setUint32(at + 24, tree.uid[inode] ?? 0, true);
    view.setUint32(at + 28, tree.gid[inode] ?? 0, true);
    writeInt64(view, at + 32, tree.mtimeSeconds[inode] ?? 0);
    view.setUint32(at + 40, tree.mtimeNanoseconds[inode] ?? 0, true);
    view.setUint32(at + 44, tree.linkCount[inode] ?? 0, true);
  }

  #writeTail(canvas: Canvas, at: number, inode: number): void {
    const plan = this.#plan;
    if (plan.tree.type[inode] === entryType.symlink) {
      canvas.bytes.set(byteString(plan.tree.target, inode), at);
      return;
    }
    const entries = this.#entries;
    entries.open(inode);
    writeEntries(canvas, at, plan, entries, plan.tailStart[inode] ?? 0, entries.count);
  }
}

/** `i_u`: the block address, or the device number. */
function addressOf(plan: ErofsPlan, inode: number, layerStartBlocks: readonly number[]): number {
  const { tree } = plan;
  switch (tree.type[inode]) {
    case entryType.file: {
      if ((tree.sizeBytes[inode] ?? 0) === 0) return 0;
      const layer = tree.layer[inode] ?? noLayer;
      const start = layerStartBlocks[layer];
      if (start === undefined) throw new RangeError(`no start block was given for layer ${layer}`);
      return start + (tree.startBlock[inode] ?? 0);
    }
    case entryType.characterDevice:
    case entryType.blockDevice:
      return encodeDevice(tree.rdevMajor[inode] ?? 0, tree.rdevMinor[inode] ?? 0);
    default:
      return plan.dataBlock[inode] ?? 0;
  }
}

/** 12 bits of major number, 20 of minor. `kdev_t.h`: new_encode_dev */
const encodeDevice = (major: number, minor: number): number =>
  ((minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xf_ff00) << 12)) >>> 0;
