import type { FileHandle } from "node:fs/promises";
import type { IndexedChunk } from "./chunk-index.js";
import {
  decodeRecordHeader,
  isSegmentHeader,
  recordAlignmentBytes,
  recordBytes,
  recordHeaderBytes,
  segmentHeaderBytes,
} from "./segment-format.js";
import { maxStoredChunkBytes } from "./store-shared.js";

/** One window of the file is held while damaged headers are skipped. Bytes. */
const windowBytes = 64 * 1024;

export interface ScannedSegment {
  /** False if the file is not segment `number` of this version; then there is nothing in it. */
  readonly valid: boolean;
  readonly chunks: readonly IndexedChunk[];
  /** End of the last whole record; what follows is torn. Bytes. */
  readonly endBytes: number;
}

/**
 * Finds the records of a segment by their headers. The chunks themselves are not read: they are verified at first use. A damaged header costs
 * its own record only; the scan goes on at the next one it finds.
 */
export async function scanSegment(file: FileHandle, number: number, sizeBytes: number): Promise<ScannedSegment> {
  const window = new Window(file, sizeBytes);
  if (!isSegmentHeader(await window.at(0, segmentHeaderBytes), number))
    return { valid: false, chunks: [], endBytes: 0 };

  const chunks: IndexedChunk[] = [];
  let endBytes = segmentHeaderBytes;
  let offset = segmentHeaderBytes;
  while (offset + recordHeaderBytes <= sizeBytes) {
    const header = decodeRecordHeader(await window.at(offset, recordHeaderBytes));
    if (header === undefined || header.lengthBytes < 1 || header.lengthBytes > maxStoredChunkBytes) {
      offset += recordAlignmentBytes;
      continue;
    }
    const end = offset + recordBytes(header.lengthBytes);
    if (end <= sizeBytes) {
      chunks.push({ id: header.id, segment: number, offset, lengthBytes: header.lengthBytes });
      endBytes = end;
    }
    offset = end;
  }
  return { valid: true, chunks, endBytes };
}

/** Reads a file in windows, for a reader that mostly jumps ahead and sometimes creeps. */
class Window {
  readonly #file: FileHandle;
  readonly #sizeBytes: number;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(file: FileHandle, sizeBytes: number) {
    this.#file = file;
    this.#sizeBytes = sizeBytes;
  }

  /** A view that the next call may end. Shorter at the end of the file. */
  async at(offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.#sizeBytes);
    if (offset < this.#start || end > this.#start + this.#bytes.length) await this.#load(offset, length);
    return this.#bytes.subarray(offset - this.#start, end - this.#start);
  }

  async #load(offset: number, length: number): Promise<void> {
    // A jump reads just what is asked for; the step after the last window reads the next window.
    const creeping = offset - (this.#start + this.#bytes.length) < recordAlignmentBytes && offset >= this.#start;
    const wanted = creeping ? windowBytes : length;
    const into = Buffer.alloc(Math.max(0, Math.min(wanted, this.#sizeBytes - offset)));
    const { bytesRead } = await this.#file.read(into, 0, into.length, offset);
    this.#start = offset;
    this.#bytes = into.subarray(0, bytesRead);
  }
}
