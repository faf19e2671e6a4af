import { align8, isZero, readI64, readU64, viewOf, writeInt64 } from "../binary/integers.js";
import type { ByteStrings } from "../byte-strings.js";
import { maxDataBlocks } from "../frames/footer.js";
import { compressFrame, declaredContentBytes, decompressFrame } from "../frames/zstd-frame.js";
import { InvalidFormatError } from "../invalid-format-error.js";
import { checkLayerIndex } from "./check-layer-index.js";
import type { LayerIndex } from "./layer-index.js";

/** What an index may take decompressed: 256 MiB, about two million entries. Bytes. */
export const maxLayerIndexBytes: number = 256 * 1024 * 1024;

const part = "layer index";
const magic = Buffer.from("SLUICELI");
const version = 1;
const headerBytes = 64;

/** Where each column starts in the decompressed payload. docs/format.md §2.4 */
interface Layout {
  readonly starts: readonly number[];
  readonly totalBytes: number;
}

/** @throws {InvalidFormatError} when the index breaks a rule of docs/format.md §2.4 or is larger than {@link maxLayerIndexBytes} */
export function encodeLayerIndex(index: LayerIndex): Uint8Array {
  checkLayerIndex(index);
  const heaps = [index.path, index.target, index.xattrs];
  const { starts, totalBytes } = layoutOf(
    index.entryCount,
    heaps.map(({ bytes }) => bytes.length),
  );
  if (totalBytes > maxLayerIndexBytes) {
    throw new InvalidFormatError(part, "size", `at most ${maxLayerIndexBytes} bytes`, totalBytes);
  }
  const bytes = new Uint8Array(totalBytes);
  const view = viewOf(bytes);
  writeHeader(bytes, view, index);
  const columns = [
    index.type,
    ...[index.mode, index.uid, index.gid, index.mtimeNanoseconds, index.startBlock, index.rdevMajor, index.rdevMinor],
    ...[index.mtimeSeconds, index.sizeBytes],
    ...heaps.map(({ ends }) => ends),
    ...heaps.map((heap) => heap.bytes),
  ];
  for (const [i, column] of columns.entries()) writeColumn(view, starts[i] ?? 0, column);
  return compressFrame(bytes);
}

/** What {@link decodeLayerIndex} takes for the payload. Bytes. @throws {InvalidFormatError} when it is too much, or the payload does not say */
export function layerIndexBytes(payload: Uint8Array): number {
  const declared = declaredContentBytes(payload, part);
  if (declared > maxLayerIndexBytes || declared < headerBytes) {
    throw new InvalidFormatError(part, "size", `${headerBytes} to ${maxLayerIndexBytes} bytes`, declared);
  }
  return declared;
}

/** @throws {InvalidFormatError} when the payload is no index that keeps every rule of docs/format.md §2.4 */
export function decodeLayerIndex(payload: Uint8Array): LayerIndex {
  const bytes = decompressFrame(payload, layerIndexBytes(payload), part);
  const index = readColumns(bytes);
  checkLayerIndex(index);
  return index;
}

function readColumns(bytes: Uint8Array<ArrayBuffer>): LayerIndex {
  const view = viewOf(bytes);
  const { rows, dataBlocks, heapBytes } = readHeader(bytes, view);
  const { starts, totalBytes } = layoutOf(rows, heapBytes);
  if (totalBytes !== bytes.length) {
    throw new InvalidFormatError(part, "size", `${totalBytes} bytes, from the header's counts`, bytes.length);
  }
  const column32 = (i: number, length: number): Uint32Array => readUint32(view, starts[i] ?? 0, length);
  const heap = (i: number): ByteStrings => {
    const start = starts[13 + i] ?? 0;
    return { ends: column32(10 + i, rows + 1), bytes: bytes.subarray(start, start + (heapBytes[i] ?? 0)) };
  };
  checkPadding(bytes, starts, columnBytes(rows, heapBytes));
  return {
    entryCount: rows,
    dataBlocks,
    type: bytes.subarray(starts[0], (starts[0] ?? 0) + rows),
    mode: column32(1, rows),
    uid: column32(2, rows),
    gid: column32(3, rows),
    mtimeNanoseconds: column32(4, rows),
    startBlock: column32(5, rows),
    rdevMajor: column32(6, rows),
    rdevMinor: column32(7, rows),
    mtimeSeconds: Float64Array.from({ length: rows }, (_, row) =>
      readI64(view, (starts[8] ?? 0) + 8 * row, part, `entry ${row}`),
    ),
    sizeBytes: Float64Array.from({ length: rows }, (_, row) =>
      readU64(view, (starts[9] ?? 0) + 8 * row, part, `entry ${row}`),
    ),
    path: heap(0),
    target: heap(1),
    xattrs: heap(2),
  };
}

/** type · mode, uid, gid, nanoseconds, start, major, minor · seconds, size · three columns of ends · three heaps */
function columnBytes(rows: number, heapBytes: readonly number[]): readonly number[] {
  const four = 4 * rows;
  const ends = 4 * (rows + 1);
  return [rows, four, four, four, four, four, four, four, 8 * rows, 8 * rows, ends, ends, ends, ...heapBytes];
}

function layoutOf(rows: number, heapBytes: readonly number[]): Layout {
  const starts: number[] = [];
  let at = headerBytes;
  for (const size of columnBytes(rows, heapBytes)) {
    starts.push(at);
    at = align8(at + size);
  }
  return { starts, totalBytes: at };
}

function writeHeader(bytes: Uint8Array, view: DataView, index: LayerIndex): void {
  bytes.set(magic);
  view.setUint16(8, version, true);
  view.setUint32(12, index.entryCount, true);
  writeInt64(view, 16, index.dataBlocks);
  writeInt64(view, 24, index.path.bytes.length);
  writeInt64(view, 32, index.target.bytes.length);
  writeInt64(view, 40, index.xattrs.bytes.length);
}

function readHeader(bytes: Uint8Array, view: DataView): { rows: number; dataBlocks: number; heapBytes: number[] } {
  if (!magic.equals(bytes.subarray(0, 8))) throw new InvalidFormatError(part, "magic", "SLUICELI", "other bytes");
  const found = view.getUint16(8, true);
  if (found !== version) throw new InvalidFormatError(part, "version", `${version}`, found);
  if (!isZero(bytes, 10, 12) || !isZero(bytes, 48, headerBytes)) {
    throw new InvalidFormatError(part, "reserved bytes of the header", "zeros", "others");
  }
  const dataBlocks = readU64(view, 16, part, "blocks");
  if (dataBlocks > maxDataBlocks) throw new InvalidFormatError(part, "blocks", `at most ${maxDataBlocks}`, dataBlocks);
  const heapBytes = [24, 32, 40].map((at) => readU64(view, at, part, `heap size at ${at}`));
  return { rows: view.getUint32(12, true), dataBlocks, heapBytes };
}

function checkPadding(bytes: Uint8Array, starts: readonly number[], sizes: readonly number[]): void {
  for (const [i, size] of sizes.entries()) {
    const end = (starts[i] ?? 0) + size;
    if (!isZero(bytes, end, align8(end))) throw new InvalidFormatError(part, `padding at ${end}`, "zeros", "others");
  }
}

function readUint32(view: DataView, start: number, length: number): Uint32Array {
  const column = new Uint32Array(length);
  for (let row = 0; row < length; row++) column[row] = view.getUint32(start + 4 * row, true);
  return column;
}

function writeColumn(view: DataView, start: number, column: Uint8Array | Uint32Array | Float64Array): void {
  if (column instanceof Uint8Array) {
    new Uint8Array(view.buffer, view.byteOffset).set(column, start);
  } else if (column instanceof Uint32Array) {
    for (let row = 0; row < column.length; row++) view.setUint32(start + 4 * row, column[row] ?? 0, true);
  } else {
    for (let row = 0; row < column.length; row++) writeInt64(view, start + 8 * row, column[row] ?? 0);
  }
}
