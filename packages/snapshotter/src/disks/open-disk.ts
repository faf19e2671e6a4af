import { blockSizeBytes, type DiskRun } from "@sluice/disk";
import type { Digest } from "@sluice/oci";
import type { FetchOptions, UseBytes } from "@sluice/store";
import { tableOf } from "./chunk-place.js";
import type { DiskMap, DiskPart } from "./disk-map.js";

/**
 * The chunks of one disk by their numbers in its pieces; chunks asked for at the same time and lying side by side come in one request.
 */
export interface DiskChunks {
  /**
   * Gives the uncompressed bytes of a chunk, verified, to `use`, which must not write into them and copies what it wants at once. Rejects with what `use` throws,
   * or with the signal's reason once it fires.
   */
  get(chunk: number, use: UseBytes, options?: FetchOptions): Promise<void>;
}

interface ReadOptions extends FetchOptions {
  /** When the reader began to wait, of `performance.now()`; if it is not said, now. Milliseconds. */
  readonly sinceMs?: number | undefined;
}

/** A disk whose chunks have slots in the store: its columns for the threads that answer hits, and `read` for what they miss. */
export interface OpenDisk {
  /** Of the artifact. */
  readonly digest: Digest;
  /** See `MountableDisk.isRecorded`. */
  readonly isRecorded?: boolean | undefined;
  /** See `MountableDisk.isStreaming`. */
  readonly isStreaming?: boolean | undefined;
  /** See `MountableDisk.isWhole`. */
  readonly isWhole?: boolean | undefined;
  readonly sizeBytes: number;
  /** Columns of the disk's pieces; see `DiskFile`. */
  readonly startBlock: Uint32Array;
  readonly blocks: Uint32Array;
  readonly slots: Int32Array;
  readonly offsetInChunk: Uint32Array;
  /** The disk's first blocks, which EROFS reads page by page. */
  readonly metadataBlocks: number;
  /**
   * Tells of blocks that a start needs and that are in the store: at once of those that are there, later of others as they come in. Until the answer is called.
   */
  onArrived(listener: (runs: readonly DiskRun[]) => void): () => void;
  /** Exactly `length` verified bytes at `offset`; the range lies inside the disk. */
  read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array>;
}

/** The bytes have the digest that the TOC names and not the length: the TOC is wrong, and what it shows there is not the image. */
class ChunkLengthError extends Error {
  override readonly name = "ChunkLengthError";
  readonly code = "CHUNK_LENGTH";
  constructor(chunk: number, actualBytes: number, expectedBytes: number) {
    super(
      `chunk ${chunk}: ${actualBytes} bytes, its TOC says ${expectedBytes}: the artifact is damaged, convert the image again`,
    );
  }
}

export function createOpenDisk(
  digest: Digest,
  map: DiskMap,
  chunks: DiskChunks,
  onArrived: OpenDisk["onArrived"] = () => () => undefined,
): OpenDisk {
  const { startBlock, blocks, chunk, offsetInChunk } = map.pieces;
  return {
    digest,
    sizeBytes: map.sizeBytes,
    startBlock,
    blocks,
    slots: Int32Array.from(chunk, (number) => map.slots[number] ?? -1),
    offsetInChunk,
    metadataBlocks: map.toc.regions[0]?.blocks ?? 0,
    onArrived,
    read: (offset, length, options) => readDisk(map, chunks, offset, length, options),
  };
}

async function readDisk(
  map: DiskMap,
  chunks: DiskChunks,
  offset: number,
  length: number,
  options?: FetchOptions,
): Promise<Uint8Array> {
  if (offset < 0 || length < 0 || offset + length > map.sizeBytes) {
    throw new RangeError(`disk of ${map.sizeBytes} bytes: ${length} bytes at ${offset} lie outside`);
  }
  const into = new Uint8Array(length); // zeros, as are zero chunks and blocks in no piece
  const work: Promise<void>[] = [];
  for (const part of map.parts(offset, length)) {
    work.push(copyPart(map, chunks, part, into, offset, options));
  }
  await Promise.all(work);
  return into;
}

/** So long a reader waits for the startup blob. Leaves most of the default deadline of 60 s a read to what replaces it. Milliseconds. */
export const startupPatienceMs = 5000;

/** Nothing depends on the startup blob: what it does not give comes from the chunks of the regions. */
async function copyPart(
  map: DiskMap,
  chunks: DiskChunks,
  part: DiskPart,
  into: Uint8Array,
  offset: number,
  options?: FetchOptions,
): Promise<void> {
  if (!map.isStartup(part.chunk)) return await copyFromChunk(map, chunks, part, into, offset, options);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error("the startup blob takes too long")), startupPatienceMs);
  const signal = options?.signal ? AbortSignal.any([options.signal, late.signal]) : late.signal;
  try {
    await copyFromChunk(map, chunks, part, into, offset, { ...options, signal });
  } catch (error) {
    if (options?.signal?.aborted) throw error;
    const instead = map.partsOfRegions(part.diskOffset, part.diskOffset + part.length);
    await Promise.all(instead.map((other) => copyFromChunk(map, chunks, other, into, offset, options)));
  } finally {
    clearTimeout(timer);
  }
}

/** @throws {ChunkLengthError} */
async function copyFromChunk(
  map: DiskMap,
  chunks: DiskChunks,
  part: DiskPart,
  into: Uint8Array,
  offset: number,
  options?: FetchOptions,
): Promise<void> {
  if ((map.slots[part.chunk] ?? -1) < 0) return; // zeros
  const { table, row } = tableOf(map.toc, part.chunk);
  const expectedBytes = (table.blocks[row] ?? 0) * blockSizeBytes;
  const copy = (bytes: Uint8Array): void => {
    if (bytes.byteLength !== expectedBytes) throw new ChunkLengthError(part.chunk, bytes.byteLength, expectedBytes);
    into.set(bytes.subarray(part.offsetInChunk, part.offsetInChunk + part.length), part.diskOffset - offset);
  };
  await chunks.get(part.chunk, copy, options);
}
