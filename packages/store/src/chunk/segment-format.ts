import { crc32 } from "node:zlib";

/**
 * A segment is a file of 64 header bytes, then records. A record is 64 header bytes, the chunk's bytes, and zeros up to a multiple of 64.
 *
 * Payloads lie on cache lines, not on pages. Measured (Node 20, page cache): 128 KiB reads 8 to 9 GB/s either way, 4 KiB reads 1.9 µs
 * on a page and 2.1 off it, of the 20 µs that such a read takes through FUSE; a page for each header would cost 1.5 % of the budget, and double the
 * room of the small chunks.
 *
 *     segment header: 8 magic "SLUICESG" + 4 version + 4 segment number + 48 zeros
 *     record header:  4 magic "SLCK" + 4 length + 32 sha256 + 4 crc32 of the 40 before + 20 zeros
 *
 * Integers are little-endian.
 */
export const segmentHeaderBytes = 64;
export const recordHeaderBytes = 64;
/** Records start on multiples of this. Bytes. */
export const recordAlignmentBytes = 64;

const segmentMagic = Buffer.from("SLUICESG", "latin1");
const segmentVersion = 1;
const recordMagic = 0x4b434c53; // "SLCK"
const checkedBytes = 4 + 4 + 32;

/** What a record of a chunk of `lengthBytes` takes in its segment, padding included. */
export function recordBytes(lengthBytes: number): number {
  return Math.ceil((recordHeaderBytes + lengthBytes) / recordAlignmentBytes) * recordAlignmentBytes;
}

export function encodeSegmentHeader(number: number): Uint8Array {
  const header = Buffer.alloc(segmentHeaderBytes);
  segmentMagic.copy(header);
  header.writeUInt32LE(segmentVersion, 8);
  header.writeUInt32LE(number, 12);
  return header;
}

/** Whether these bytes begin segment `number` of this version. */
export function isSegmentHeader(bytes: Uint8Array, number: number): boolean {
  return Buffer.compare(bytes, encodeSegmentHeader(number)) === 0;
}

/** @param id the 32 raw bytes */
export function encodeRecordHeader(id: Uint8Array, lengthBytes: number): Uint8Array {
  const header = Buffer.alloc(recordHeaderBytes);
  header.writeUInt32LE(recordMagic, 0);
  header.writeUInt32LE(lengthBytes, 4);
  header.set(id, 8);
  header.writeUInt32LE(crc32(header.subarray(0, checkedBytes)), checkedBytes);
  return header;
}

export interface RecordHeader {
  /** 32 bytes; a copy. */
  readonly id: Uint8Array;
  readonly lengthBytes: number;
}

/** Undefined if no record begins here. */
export function decodeRecordHeader(bytes: Uint8Array): RecordHeader | undefined {
  const header = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (header.length < recordHeaderBytes || header.readUInt32LE(0) !== recordMagic) return undefined;
  if (header.readUInt32LE(checkedBytes) !== crc32(header.subarray(0, checkedBytes))) return undefined;
  return { id: Uint8Array.from(header.subarray(8, 40)), lengthBytes: header.readUInt32LE(4) };
}
