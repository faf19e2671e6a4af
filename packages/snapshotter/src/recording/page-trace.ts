import { blockSizeBytes, maxRecordedBlocks, maxRecordedRuns, type RecordedRun } from "@sluice/disk";

/** Blocks that one bitmap covers: 1 GiB of the disk, 32 KiB of memory. */
const mapBlocks = 2 ** 18;
/** A run grows by the pages behind it that are touched so soon after its last; later ones begin a run of their own. Milliseconds. */
const sameTouchMs = 5;

/**
 * Which blocks of a disk were read, in the order of the first time. Bounded like a recording: what is touched after that is not noted.
 */
export class PageTrace {
  readonly #startMs: number;
  readonly #seen: Map<number, Uint32Array> = new Map();
  readonly #runs: { startBlock: number; blocks: number; milliseconds: number }[] = [];
  #lastMs = 0;
  #blocks = 0;

  /** @param startMs when the watch began, as `performance.now()` has it */
  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  /** In order of first touch; no block twice. */
  get runs(): readonly RecordedRun[] {
    return this.#runs.map((run) => ({ ...run }));
  }

  /** A read of these bytes of the disk. */
  touch(offset: number, length: number, nowMs: number): void {
    const end = Math.ceil((offset + length) / blockSizeBytes);
    for (let block = Math.floor(offset / blockSizeBytes); block < end; block++) {
      if (this.#markNew(block)) this.#note(block, Math.max(0, Math.round(nowMs - this.#startMs)));
    }
  }

  #note(block: number, milliseconds: number): void {
    if (this.#blocks === maxRecordedBlocks) return;
    const last = this.#runs.at(-1);
    const goesOn =
      last !== undefined && last.startBlock + last.blocks === block && milliseconds - this.#lastMs <= sameTouchMs;
    if (goesOn) last.blocks++;
    else if (this.#runs.length < maxRecordedRuns) this.#runs.push({ startBlock: block, blocks: 1, milliseconds });
    else return;
    this.#blocks++;
    this.#lastMs = milliseconds;
  }

  #markNew(block: number): boolean {
    const index = Math.floor(block / mapBlocks);
    let map = this.#seen.get(index);
    if (map === undefined) {
      map = new Uint32Array(mapBlocks / 32);
      this.#seen.set(index, map);
    }
    const word = (block % mapBlocks) >>> 5;
    const bit = 1 << (block & 31);
    const before = map[word] ?? 0;
    map[word] = before | bit;
    return (before & bit) === 0;
  }
}
