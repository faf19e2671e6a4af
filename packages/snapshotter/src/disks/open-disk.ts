import { blockSizeBytes, type ChunkTable, type Toc } from "@sluice/disk";
import type { AbortOptions, Digest } from "@sluice/oci";
import type { ChunkBinding } from "@sluice/store";

/** The chunks of one disk by their rows in its table; chunks asked for at the same time and lying side by side come in one request. */
export interface DiskChunks {
  /** The uncompressed bytes of a chunk, verified; not to be written into. Rejects with the signal's reason once it fires. */
  get(row: number, options?: AbortOptions): Promise<Uint8Array>;
}

/** A disk whose chunks have slots in the store: its columns for the threads that answer hits, and `read` for what they miss. */
export interface OpenDisk {
  /** Of the artifact. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly startBlock: Uint32Array;
  readonly blocks: Uint32Array;
  readonly slots: Int32Array;
  /** Exactly `length` verified bytes at `offset`; the range lies inside the disk. */
  read(offset: number, length: number, options?: AbortOptions): Promise<Uint8Array>;
}

/** The bytes have the digest that the TOC names and not the length: the TOC is wrong, and what it shows there is not the image. */
class ChunkLengthError extends Error {
  override readonly name = "ChunkLengthError";
  readonly code = "CHUNK_LENGTH";
  constructor(row: number, actualBytes: number, expectedBytes: number) {
    super(
      `chunk ${row}: ${actualBytes} bytes, its TOC says ${expectedBytes}: the artifact is damaged, convert the image again`,
    );
  }
}

export function createOpenDisk(digest: Digest, toc: Toc, binding: ChunkBinding, chunks: DiskChunks): OpenDisk {
  const sizeBytes = toc.diskBlocks * blockSizeBytes;
  return {
    digest,
    sizeBytes,
    startBlock: toc.chunks.startBlock,
    blocks: toc.chunks.blocks,
    slots: binding.slots,
    read: (offset, length, options) => readDisk(toc, chunks, offset, length, options),
  };
}

async function readDisk(
  toc: Toc,
  chunks: DiskChunks,
  offset: number,
  length: number,
  options?: AbortOptions,
): Promise<Uint8Array> {
  const sizeBytes = toc.diskBlocks * blockSizeBytes;
  if (offset < 0 || length < 0 || offset + length > sizeBytes) {
    throw new RangeError(`disk of ${sizeBytes} bytes: ${length} bytes at ${offset} lie outside`);
  }
  const into = new Uint8Array(length); // zeros, as are zero chunks and blocks in no chunk
  const work: Promise<void>[] = [];
  for (let row = firstRowFrom(toc.chunks, Math.floor(offset / blockSizeBytes)); row < toc.chunks.count; row++) {
    const startBytes = (toc.chunks.startBlock[row] ?? 0) * blockSizeBytes;
    if (startBytes >= offset + length) break;
    if (toc.chunks.compressedSize[row] === 0) continue;
    work.push(copyChunk(toc, chunks, row, startBytes - offset, into, options));
  }
  await Promise.all(work);
  return into;
}

/**
 * Copies what overlaps `into`, when the chunk's first byte belongs at `at`, which may be negative.
 *
 * @throws {ChunkLengthError}
 */
async function copyChunk(
  toc: Toc,
  chunks: DiskChunks,
  row: number,
  at: number,
  into: Uint8Array,
  options?: AbortOptions,
): Promise<void> {
  const bytes = await chunks.get(row, options);
  const expectedBytes = (toc.chunks.blocks[row] ?? 0) * blockSizeBytes;
  if (bytes.byteLength !== expectedBytes) throw new ChunkLengthError(row, bytes.byteLength, expectedBytes);
  const skip = Math.max(0, -at);
  const end = Math.min(bytes.byteLength, into.byteLength - at);
  into.set(bytes.subarray(skip, end), at + skip);
}

/** The first chunk that ends behind `block`. Binary search. */
function firstRowFrom(table: ChunkTable, block: number): number {
  let low = 0;
  let high = table.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((table.startBlock[middle] ?? 0) + (table.blocks[middle] ?? 0) <= block) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Uncompressed bytes of each chunk, as `ChunkStore.bind` wants them. */
export const chunkLengths = (table: ChunkTable): Uint32Array => table.blocks.map((blocks) => blocks * blockSizeBytes);
