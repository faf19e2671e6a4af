import { growingFloat64, growingUint8, growingUint32 } from "../binary/growing-columns.js";
import type { EntryType, LayerIndex } from "./layer-index.js";

/** One entry of the tar, as the scanner reads it; only looked at, never kept. */
export interface NewLayerEntry {
  readonly type: EntryType;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  /** Normalised. */
  readonly path: Uint8Array;
  /** Files; 0 when left out. */
  readonly sizeBytes?: number;
  /** Symlinks and hard links; empty when left out. */
  readonly target?: Uint8Array;
  /** From `encodeXattrs`; none when left out. */
  readonly xattrs?: Uint8Array;
  /** Devices; 0 when left out. */
  readonly rdevMajor?: number;
  readonly rdevMinor?: number;
}

/** 1 type + 7 × 4 + 2 × 8 + 3 ends of 4. docs/format.md §2.4 */
const rowBytes = 1 + 7 * 4 + 2 * 8 + 3 * 4;
const empty = new Uint8Array(0);

/** Collects the entries of a layer in tar order, as columns. Where the files lie is said later, when their order is known. */
export class LayerIndexBuilder {
  readonly #type = growingUint8();
  readonly #mode = growingUint32();
  readonly #uid = growingUint32();
  readonly #gid = growingUint32();
  readonly #mtimeSeconds = growingFloat64();
  readonly #mtimeNanoseconds = growingUint32();
  readonly #startBlock = growingUint32();
  readonly #rdevMajor = growingUint32();
  readonly #rdevMinor = growingUint32();
  readonly #sizeBytes = growingFloat64();
  readonly #path = new StringColumn();
  readonly #target = new StringColumn();
  readonly #xattrs = new StringColumn();

  get entryCount(): number {
    return this.#type.length;
  }

  /** What the index takes decompressed, but for padding. Bytes. */
  get sizeBytes(): number {
    return this.entryCount * rowBytes + this.#path.sizeBytes + this.#target.sizeBytes + this.#xattrs.sizeBytes;
  }

  /** @returns the number of the entry */
  append(entry: NewLayerEntry): number {
    this.#type.push(entry.type);
    this.#mode.push(entry.mode);
    this.#uid.push(entry.uid);
    this.#gid.push(entry.gid);
    this.#mtimeSeconds.push(entry.mtimeSeconds);
    this.#mtimeNanoseconds.push(entry.mtimeNanoseconds);
    this.#startBlock.push(0);
    this.#rdevMajor.push(entry.rdevMajor ?? 0);
    this.#rdevMinor.push(entry.rdevMinor ?? 0);
    this.#sizeBytes.push(entry.sizeBytes ?? 0);
    this.#path.push(entry.path);
    this.#target.push(entry.target ?? empty);
    this.#xattrs.push(entry.xattrs ?? empty);
    return this.#type.length - 1;
  }

  /** Where the content of a file that is not empty lies in the data space. */
  setStartBlock(entry: number, startBlock: number): void {
    this.#startBlock.set(entry, startBlock);
  }

  finish(dataBlocks: number): LayerIndex {
    return {
      entryCount: this.entryCount,
      dataBlocks,
      type: this.#type.finish(),
      mode: this.#mode.finish(),
      uid: this.#uid.finish(),
      gid: this.#gid.finish(),
      mtimeSeconds: this.#mtimeSeconds.finish(),
      mtimeNanoseconds: this.#mtimeNanoseconds.finish(),
      startBlock: this.#startBlock.finish(),
      rdevMajor: this.#rdevMajor.finish(),
      rdevMinor: this.#rdevMinor.finish(),
      sizeBytes: this.#sizeBytes.finish(),
      path: this.#path.finish(),
      target: this.#target.finish(),
      xattrs: this.#xattrs.finish(),
    };
  }
}

class StringColumn {
  readonly #ends = growingUint32();
  readonly #bytes = growingUint8();

  constructor() {
    this.#ends.push(0);
  }

  get sizeBytes(): number {
    return this.#bytes.length;
  }

  /** @throws {RangeError} when all strings together pass 4 GiB */
  push(bytes: Uint8Array): void {
    this.#bytes.append(bytes);
    if (this.#bytes.length > 0xffff_ffff) throw new RangeError("layer index: more than 4 GiB of names");
    this.#ends.push(this.#bytes.length);
  }

  finish(): { ends: Uint32Array; bytes: Uint8Array } {
    return { ends: this.#ends.finish(), bytes: this.#bytes.finish() };
  }
}
