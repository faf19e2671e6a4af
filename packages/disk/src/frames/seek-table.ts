import { growingFloat64, growingUint8, growingUint32 } from "../binary/growing-columns.js";
import { isZero, readU64, viewOf, writeInt64 } from "../binary/integers.js";
import { blockSizeBytes, maxChunkBlocks } from "../blocks.js";
import { InvalidFormatError } from "../invalid-format-error.js";

/** 8 offset + 4 compressed size + 4 blocks + 32 sha256. Bytes. docs/format.md §2.3 */
export const seekRowBytes: number = 8 + 4 + 4 + 32;

const part = "seek table";

/** The chunks of one blob in the order of its data space, as columns. docs/format.md §2.3 */
export interface SeekTable {
  readonly count: number;
  /** Of the frame in the blob. Bytes; safe integers. */
  readonly offset: Float64Array;
  /** Of the frame. Bytes; 0 is a zero chunk. */
  readonly compressedSize: Uint32Array;
  readonly blocks: Uint32Array;
  /** 32 bytes a chunk. */
  readonly sha256: Uint8Array;
}

/** The largest frame of a chunk: zstd's own bound (`ZSTD_compressBound`). Bytes. */
export const maxFrameBytes = (blocks: number): number =>
  blocks * blockSizeBytes + Math.ceil((blocks * blockSizeBytes) / 256) + 64;

/** Appends rows without keeping an object a row. */
export class SeekTableBuilder {
  readonly #offset = growingFloat64();
  readonly #compressedSize = growingUint32();
  readonly #blocks = growingUint32();
  readonly #sha256 = growingUint8();

  get count(): number {
    return this.#offset.length;
  }

  /** A chunk whose frame lies at `offset`, or that repeats the frame there. */
  add(offset: number, compressedSize: number, blocks: number, sha256: Uint8Array): void {
    if (sha256.length !== 32) throw new RangeError(`sha256 of ${sha256.length} bytes`);
    this.#offset.push(offset);
    this.#compressedSize.push(compressedSize);
    this.#blocks.push(blocks);
    this.#sha256.append(sha256);
  }

  addZeros(blocks: number): void {
    this.add(0, 0, blocks, new Uint8Array(32));
  }

  finish(): SeekTable {
    return {
      count: this.count,
      offset: this.#offset.finish(),
      compressedSize: this.#compressedSize.finish(),
      blocks: this.#blocks.finish(),
      sha256: this.#sha256.finish(),
    };
  }
}

/** The payload of the seek table's frame. */
export function encodeSeekTable(table: SeekTable): Uint8Array {
  const bytes = new Uint8Array(table.count * seekRowBytes);
  const view = viewOf(bytes);
  for (let row = 0; row < table.count; row++) {
    const at = row * seekRowBytes;
    writeInt64(view, at, table.offset[row] ?? 0);
    view.setUint32(at + 8, table.compressedSize[row] ?? 0, true);
    view.setUint32(at + 12, table.blocks[row] ?? 0, true);
    bytes.set(table.sha256.subarray(row * 32, row * 32 + 32), at + 16);
  }
  return bytes;
}

/** What the footer says about the chunks. */
export interface SeekTableBounds {
  readonly dataBlocks: number;
  /** Where the chunk frames end in the blob. */
  readonly framesEnd: number;
}

/** @throws {InvalidFormatError} when a row is out of bounds, the blocks do not fill the data space or the frames do not lie back to back */
export function decodeSeekTable(payload: Uint8Array, bounds: SeekTableBounds): SeekTable {
  if (payload.length % seekRowBytes !== 0) {
    throw new InvalidFormatError(part, "size", `a multiple of ${seekRowBytes} bytes`, payload.length);
  }
  const count = payload.length / seekRowBytes;
  const view = viewOf(payload);
  const table: SeekTable = {
    count,
    offset: new Float64Array(count),
    compressedSize: new Uint32Array(count),
    blocks: new Uint32Array(count),
    sha256: new Uint8Array(count * 32),
  };
  for (let row = 0; row < count; row++) {
    const at = row * seekRowBytes;
    table.offset[row] = readU64(view, at, part, "offset");
    table.compressedSize[row] = view.getUint32(at + 8, true);
    table.blocks[row] = view.getUint32(at + 12, true);
    table.sha256.set(payload.subarray(at + 16, at + 48), row * 32);
  }
  checkSeekTable(table, bounds);
  return table;
}

/** The rules of docs/format.md §2.3. @throws {InvalidFormatError} */
function checkSeekTable(table: SeekTable, bounds: SeekTableBounds): void {
  const firstRowAt = new Map<number, number>();
  let nextOffset = 0;
  let blocks = 0;
  for (let row = 0; row < table.count; row++) {
    checkChunkRow(table, row, bounds.framesEnd, part);
    blocks += table.blocks[row] ?? 0;
    if (table.compressedSize[row] === 0) continue;
    const offset = table.offset[row] ?? 0;
    const first = firstRowAt.get(offset);
    if (first !== undefined) {
      requireSameChunk(table, first, row);
    } else if (offset === nextOffset) {
      firstRowAt.set(offset, row);
      nextOffset += table.compressedSize[row] ?? 0;
    } else {
      throw new InvalidFormatError(part, `row ${row}`, `an offset of ${nextOffset} or of an earlier row`, offset);
    }
  }
  if (blocks !== bounds.dataBlocks) throw new InvalidFormatError(part, "blocks in all", `${bounds.dataBlocks}`, blocks);
  if (nextOffset !== bounds.framesEnd) {
    throw new InvalidFormatError(part, "end of the frames", `${bounds.framesEnd}`, nextOffset);
  }
}

/** Bounds of one chunk's columns, in a seek table or a TOC: its frame ends by `end`. @throws {InvalidFormatError} naming `partName` */
export function checkChunkRow(
  rows: Pick<SeekTable, "offset" | "compressedSize" | "blocks" | "sha256">,
  row: number,
  end: number,
  partName: string,
): void {
  const blocks = rows.blocks[row] ?? 0;
  const size = rows.compressedSize[row] ?? 0;
  const offset = rows.offset[row] ?? 0;
  if (blocks === 0) throw new InvalidFormatError(partName, `row ${row}`, "at least 1 block", 0);
  if (size === 0) {
    if (offset !== 0 || !isZero(rows.sha256, row * 32, row * 32 + 32)) {
      throw new InvalidFormatError(partName, `row ${row}`, "offset and id zero in a zero chunk", `offset ${offset}`);
    }
    return;
  }
  if (blocks > maxChunkBlocks)
    throw new InvalidFormatError(partName, `row ${row}`, `at most ${maxChunkBlocks} blocks`, blocks);
  if (size > maxFrameBytes(blocks)) {
    throw new InvalidFormatError(partName, `row ${row}`, `a frame of at most ${maxFrameBytes(blocks)} bytes`, size);
  }
  if (offset + size > end)
    throw new InvalidFormatError(partName, `row ${row}`, `a frame that ends by ${end}`, offset + size);
}

function requireSameChunk(table: SeekTable, first: number, row: number): void {
  const same =
    table.compressedSize[first] === table.compressedSize[row] &&
    table.blocks[first] === table.blocks[row] &&
    Buffer.compare(sha256At(table, first), sha256At(table, row)) === 0;
  if (!same)
    throw new InvalidFormatError(part, `row ${row}`, `the chunk of row ${first}, whose frame it names`, "another");
}

const sha256At = (table: SeekTable, row: number): Uint8Array => table.sha256.subarray(row * 32, row * 32 + 32);
