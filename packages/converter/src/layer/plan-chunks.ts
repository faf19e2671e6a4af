import { ChunkCutter } from "@sluice/disk/chunks";
import type { BlockHashes } from "./content-spool.js";
import type { StoredRun } from "./stored-files.js";

/** In a run of {@link PlannedChunk}: blocks that are no place but zeros. */
export const hole = -1;

/** A chunk of a data space and where its blocks are now. */
export interface PlannedChunk {
  readonly blocks: number;
  /** Pairs of first spool block (or {@link hole}) and number of blocks, in order. Undefined: a zero chunk. */
  readonly runs: Float64Array | undefined;
}

/** A file as the planner needs it. */
export interface PlannedFile {
  readonly blocks: number;
  readonly runs: readonly StoredRun[];
}

/** The chunks of a data space that these files make in this order, by the rule of docs/format.md §1.1. Lazy: holds one file's. */
export function* planChunks(files: Iterable<PlannedFile>, hashes: BlockHashes): Generator<PlannedChunk> {
  const places = new Places();
  let ready: PlannedChunk[] = [];
  const cutter = new ChunkCutter((blocks, zero) => {
    const runs = places.take(blocks);
    ready.push({ blocks, runs: zero ? undefined : runs });
  });
  for (const file of files) {
    cutter.startFile(file.blocks);
    for (const run of withHoles(file)) {
      places.add(run.spoolBlock, run.blocks);
      if (run.spoolBlock === hole) cutter.pushHole(run.blocks);
      else pushRun(cutter, run, hashes);
    }
    yield* ready;
    ready = [];
  }
  cutter.finish();
  yield* ready;
}

function pushRun(cutter: ChunkCutter, { spoolBlock, blocks }: StoredRun, hashes: BlockHashes): void {
  for (let block = spoolBlock; block < spoolBlock + blocks; block++) {
    cutter.pushHashed(hashes.crc(block), hashes.isZero(block));
  }
}

function* withHoles({ blocks, runs }: PlannedFile): Generator<StoredRun> {
  let next = 0;
  for (const run of runs) {
    if (run.fileBlock > next) yield { fileBlock: next, spoolBlock: hole, blocks: run.fileBlock - next };
    yield run;
    next = run.fileBlock + run.blocks;
  }
  if (next < blocks) yield { fileBlock: next, spoolBlock: hole, blocks: blocks - next };
}

/** Where the blocks lie that are in no chunk yet, as runs that adjoin nowhere. */
class Places {
  #starts: number[] = [];
  #counts: number[] = [];
  #first = 0;

  add(start: number, count: number): void {
    const last = this.#starts.length - 1;
    const lastStart = this.#starts[last];
    const lastCount = this.#counts[last] ?? 0;
    const adjoins = last >= this.#first && lastStart !== undefined && continues(lastStart, lastCount, start);
    if (adjoins) this.#counts[last] = lastCount + count;
    else if (count > 0) {
      this.#starts.push(start);
      this.#counts.push(count);
    }
  }

  /** The places of the next `blocks` blocks. */
  take(blocks: number): Float64Array {
    const runs: number[] = [];
    for (let left = blocks; left > 0; ) {
      const start = this.#starts[this.#first];
      const count = this.#counts[this.#first] ?? 0;
      if (start === undefined) throw new RangeError(`${left} blocks were cut that were never added`);
      const taken = Math.min(count, left);
      runs.push(start, taken);
      left -= taken;
      this.#starts[this.#first] = start === hole ? hole : start + taken;
      this.#counts[this.#first] = count - taken;
      if (taken === count) this.#first++;
    }
    this.#compact();
    return Float64Array.from(runs);
  }

  #compact(): void {
    if (this.#first < 1024) return;
    this.#starts = this.#starts.slice(this.#first);
    this.#counts = this.#counts.slice(this.#first);
    this.#first = 0;
  }
}

const continues = (start: number, count: number, next: number): boolean =>
  start === hole ? next === hole : next === start + count;
