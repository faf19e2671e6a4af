import { InvalidFormatError } from "../invalid-format-error.js";

const two32 = 2 ** 32;

/** A view of the same memory, for fields at odd offsets. */
export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A little-endian u64. @throws {InvalidFormatError} above 2^53 - 1, which no size or offset of the format needs */
export function readU64(view: DataView, at: number, part: string, place: string): number {
  const value = view.getUint32(at + 4, true) * two32 + view.getUint32(at, true);
  if (value > Number.MAX_SAFE_INTEGER) throw new InvalidFormatError(part, place, "at most 2^53 - 1", value);
  return value;
}

/** A little-endian i64. @throws {InvalidFormatError} outside ±(2^53 - 1) */
export function readI64(view: DataView, at: number, part: string, place: string): number {
  const value = view.getInt32(at + 4, true) * two32 + view.getUint32(at, true);
  if (!Number.isSafeInteger(value)) throw new InvalidFormatError(part, place, "within ±(2^53 - 1)", value);
  return value;
}

/** Little-endian, two's complement below zero. @throws {RangeError} if `value` is no safe integer */
export function writeInt64(view: DataView, at: number, value: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a safe integer`);
  view.setUint32(at, value >>> 0, true); // ToUint32 is modulo 2^32, for negative numbers too
  view.setInt32(at + 4, Math.floor(value / two32), true);
}

/** The next multiple of 8. */
export const align8 = (at: number): number => Math.ceil(at / 8) * 8;

/** Whether every byte from `start` to `end` is zero. */
export function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}

export function writeColumn(view: DataView, at: number, column: Uint32Array): void {
  for (let row = 0; row < column.length; row++) view.setUint32(at + 4 * row, column[row] ?? 0, true);
}

export function readColumn(view: DataView, at: number, count: number): Uint32Array {
  const column = new Uint32Array(count);
  for (let row = 0; row < count; row++) column[row] = view.getUint32(at + 4 * row, true);
  return column;
}
