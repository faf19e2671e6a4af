import {
  blobKind,
  blockSizeBytes,
  chunkIndexAtBlock,
  type DiskRun,
  normalRuns,
  type StartupChunks,
  startupChunks,
} from "@sluice/disk";
import type { AbortOptions } from "@sluice/oci";
import type { ChunkCompressor } from "../layer/chunk-compressor.js";
import { writeError } from "../layer/disk-full.js";
import type { PlannedChunk } from "../layer/plan-chunks.js";
import { openTemporaryFile, type TemporaryFile } from "../layer/temporary-file.js";
import { type BlobFile, type WrittenBlob, writeBlob } from "../layer/write-blob.js";
import { maxStartupBytes } from "../predict/limits.js";
import type { DiskBlobs, ReadableToc } from "./disk-chunk.js";
import { firstBlocks } from "./first-blocks.js";
import { type DiskChunk, readRows } from "./read-rows.js";

/** Of what was recorded: a tenth fewer bytes than at the level of layers, which every start has to wait for. docs/adr/0009-startup.md */
export const recordedLevel = 9;

/** A startup blob, and the table of its chunks for the TOC. */
export interface StartupBlob {
  readonly blob: WrittenBlob;
  readonly chunks: StartupChunks;
}

export interface StartupBlobOptions extends AbortOptions {
  readonly temporaryDirectory: string;
  readonly compressor: ChunkCompressor;
  /** Of zstd; that of layers when left out. */
  readonly level?: number;
  /** Data that is copied at most; {@link maxStartupBytes} when left out. */
  readonly maxBytes?: number;
}

/** A piece of a startup chunk, and where its blocks are in the temporary file. */
interface SpooledPiece extends DiskRun {
  readonly spoolBlock: number;
}

/**
 * Writes copies of these runs of the disk into `target`, as startup chunks in their order. Equal sets on equal disks give equal blobs.
 *
 * @param runs in order of first use; blocks that occur again, have no data or lie outside the disk are left out, as is what comes after `maxBytes`
 * @returns undefined when nothing is left
 * @throws {DiskFullError} {InvalidFormatError} {DigestMismatchError}
 */
export async function writeStartupBlob(
  runs: readonly DiskRun[],
  toc: ReadableToc,
  blobs: DiskBlobs,
  target: BlobFile,
  options: StartupBlobOptions,
): Promise<StartupBlob | undefined> {
  const most = Math.floor((options.maxBytes ?? maxStartupBytes) / blockSizeBytes);
  const planned = [...startupChunks(firstBlocks(normalRuns(runs, toc.chunks), most))];
  if (planned.length === 0) return undefined;
  const pieces = spooled(planned.flat());
  const dataBlocks = pieces.reduce((sum, { blocks }) => sum + blocks, 0);
  await using spool = await openTemporaryFile(options.temporaryDirectory);
  await copyPieces(pieces, toc, blobs, spool, options);
  const chunks = spoolChunks(planned);
  const level = options.level === undefined ? undefined : { level: options.level };
  const plan = { kind: blobKind.startup, dataBlocks, chunks, descriptor: spool.handle.fd, ...level };
  const blob = await writeBlob(plan, target, options.compressor, { signal: options.signal });
  const firstPiece = new Uint32Array(planned.length + 1);
  for (const [row, own] of planned.entries()) firstPiece[row + 1] = (firstPiece[row] ?? 0) + own.length;
  return {
    blob,
    chunks: {
      ...blob.seekTable,
      firstPiece,
      pieceStartBlock: Uint32Array.from(pieces, ({ startBlock }) => startBlock),
      pieceBlocks: Uint32Array.from(pieces, ({ blocks }) => blocks),
      prefetch: new Uint32Array(0),
    },
  };
}

/** The pieces one behind the other. */
function spooled(pieces: readonly DiskRun[]): SpooledPiece[] {
  let spoolBlock = 0;
  return pieces.map(({ startBlock, blocks }) => {
    const piece = { startBlock, blocks, spoolBlock };
    spoolBlock += blocks;
    return piece;
  });
}

function* spoolChunks(planned: readonly (readonly DiskRun[])[]): Generator<PlannedChunk> {
  let spoolBlock = 0;
  for (const pieces of planned) {
    const blocks = pieces.reduce((sum, piece) => sum + piece.blocks, 0);
    yield { blocks, runs: Float64Array.of(spoolBlock, blocks) };
    spoolBlock += blocks;
  }
}

/** Reads every chunk of the disk once that pieces lie in, in disk order, and writes what is theirs to its place. */
async function copyPieces(
  pieces: readonly SpooledPiece[],
  toc: ReadableToc,
  blobs: DiskBlobs,
  spool: TemporaryFile,
  options: AbortOptions,
): Promise<void> {
  const inDiskOrder = pieces.toSorted((a, b) => a.startBlock - b.startBlock);
  let next = 0;
  for await (const chunk of readRows(toc, rowsOf(inDiskOrder, toc), blobs, options)) {
    const start = toc.chunks.startBlock[chunk.row] ?? 0;
    const end = start + (toc.chunks.blocks[chunk.row] ?? 0);
    for (let piece = inDiskOrder[next]; piece !== undefined && piece.startBlock < end; piece = inDiskOrder[++next]) {
      await copyPiece(piece, chunk, start, spool);
      if (piece.startBlock + piece.blocks > end) break; // goes on in the next chunk
    }
  }
}

async function copyPiece(
  piece: SpooledPiece,
  chunk: DiskChunk,
  chunkStart: number,
  { handle, path }: TemporaryFile,
): Promise<void> {
  const from = Math.max(piece.startBlock, chunkStart);
  const to = Math.min(piece.startBlock + piece.blocks, chunkStart + chunk.bytes.length / blockSizeBytes);
  const at = (from - chunkStart) * blockSizeBytes;
  const length = (to - from) * blockSizeBytes;
  const position = (piece.spoolBlock + from - piece.startBlock) * blockSizeBytes;
  try {
    for (let done = 0; done < length; ) {
      const { bytesWritten } = await handle.write(chunk.bytes, at + done, length - done, position + done);
      done += bytesWritten;
    }
  } catch (error) {
    throw writeError(error, path);
  }
}

/** Rows of the chunks that pieces lie in, each once. Normal runs lie in chunks with data. */
function* rowsOf(inDiskOrder: readonly DiskRun[], { chunks }: ReadableToc): Generator<number> {
  let row = -1;
  for (const { startBlock, blocks } of inDiskOrder) {
    const end = startBlock + blocks;
    let at = Math.max(chunkIndexAtBlock(chunks, startBlock), row + 1);
    for (; at < chunks.count && (chunks.startBlock[at] ?? 0) < end; at++) {
      row = at;
      yield at;
    }
  }
}
