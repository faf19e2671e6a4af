import { disjointRuns } from "../startup/disjoint-runs.js";
import type { ChunkTable, Toc } from "./toc.js";

/**
 * The disk as disjoint pieces in disk order, each a run of blocks inside one chunk. A piece's `chunk` counts the rows of the TOC's chunks first, then those of
 * its startup chunks. Blocks in no piece read as zeros.
 */
export interface DiskPieces {
  readonly count: number;
  readonly startBlock: Uint32Array;
  readonly blocks: Uint32Array;
  readonly chunk: Uint32Array;
  /** Where in its chunk the piece starts. Blocks. */
  readonly offsetInChunk: Uint32Array;
}

/** A run of disk blocks that lies in a startup chunk. */
export interface StartupRun {
  readonly startBlock: number;
  readonly blocks: number;
  /** Row of the startup table. */
  readonly row: number;
  /** Blocks of the chunk before the run. */
  readonly offsetInChunk: number;
}

/** The runs of the startup chunks in stream order. The only place that knows how a startup chunk lies on the disk. */
export function* startupRuns(toc: Toc): Generator<StartupRun> {
  const { startup } = toc;
  for (let row = 0; row < startup.count; row++) {
    let offsetInChunk = 0;
    const end = startup.firstPiece[row + 1] ?? 0;
    for (let piece = startup.firstPiece[row] ?? 0; piece < end; piece++) {
      const blocks = startup.pieceBlocks[piece] ?? 0;
      yield { startBlock: startup.pieceStartBlock[piece] ?? 0, blocks, row, offsetInChunk };
      offsetInChunk += blocks;
    }
  }
}

/**
 * Who owns each block of a disk: a block that startup chunks hold belongs to the first of them in stream order, any other to the chunk of its region.
 *
 * @param toc as `checkToc` accepts it: what startup chunks hold lies in regions
 * @param isOffered startup chunks for which it answers false own nothing
 */
export function diskPieces(toc: Toc, isOffered: (startupRow: number) => boolean = () => true): DiskPieces {
  const runs: StartupRun[] = [];
  for (const run of startupRuns(toc)) if (isOffered(run.row)) runs.push(run);
  if (runs.length === 0) return piecesOfChunks(toc.chunks);
  return overlaid(toc.chunks, ownParts(runs));
}

function piecesOfChunks({ count, startBlock, blocks }: ChunkTable): DiskPieces {
  const chunk = Uint32Array.from({ length: count }, (_, row) => row);
  return { count, startBlock, blocks, chunk, offsetInChunk: new Uint32Array(count) };
}

/** Parts of the runs that no earlier run holds, in disk order. */
function ownParts(runs: readonly StartupRun[]): StartupRun[] {
  return disjointRuns(runs).flatMap(({ startBlock, blocks, run: index }) => {
    const run = runs[index];
    if (run === undefined) return [];
    return [{ startBlock, blocks, row: run.row, offsetInChunk: run.offsetInChunk + startBlock - run.startBlock }];
  });
}

/** The chunks with the parts laid over them. */
function overlaid(chunks: ChunkTable, parts: readonly StartupRun[]): DiskPieces {
  const builder = new PiecesBuilder(chunks.count + 2 * parts.length);
  let next = 0;
  let covered = 0; // blocks before this one belong to parts that were added
  for (let row = 0; row < chunks.count; row++) {
    const start = chunks.startBlock[row] ?? 0;
    const end = start + (chunks.blocks[row] ?? 0);
    let at = Math.max(start, covered);
    for (let part = parts[next]; part !== undefined && part.startBlock < end; part = parts[++next]) {
      builder.add(at, part.startBlock - at, row, at - start);
      builder.add(part.startBlock, part.blocks, chunks.count + part.row, part.offsetInChunk);
      covered = part.startBlock + part.blocks;
      at = covered;
    }
    builder.add(at, end - at, row, at - start);
  }
  return builder.build();
}

/** Joins what goes on in the same chunk. */
class PiecesBuilder {
  readonly #pieces: DiskPieces;
  #count = 0;

  /** @param most pieces that may be added: a part is cut at most where a chunk ends, and cuts a chunk in at most two */
  constructor(most: number) {
    const column = (): Uint32Array => new Uint32Array(most + 1);
    this.#pieces = { count: 0, startBlock: column(), blocks: column(), chunk: column(), offsetInChunk: column() };
  }

  /** @param length nothing is added when it is 0 or less */
  add(start: number, length: number, row: number, offset: number): void {
    if (length <= 0) return;
    const { startBlock, blocks, chunk, offsetInChunk } = this.#pieces;
    const last = this.#count - 1;
    const lastBlocks = blocks[last] ?? 0;
    const goesOn =
      last >= 0 &&
      chunk[last] === row &&
      (startBlock[last] ?? 0) + lastBlocks === start &&
      (offsetInChunk[last] ?? 0) + lastBlocks === offset;
    if (goesOn) {
      blocks[last] = lastBlocks + length;
      return;
    }
    startBlock[this.#count] = start;
    blocks[this.#count] = length;
    chunk[this.#count] = row;
    offsetInChunk[this.#count] = offset;
    this.#count++;
  }

  build(): DiskPieces {
    const count = this.#count;
    const { startBlock, blocks, chunk, offsetInChunk } = this.#pieces;
    return {
      count,
      startBlock: startBlock.slice(0, count),
      blocks: blocks.slice(0, count),
      chunk: chunk.slice(0, count),
      offsetInChunk: offsetInChunk.slice(0, count),
    };
  }
}
