/** What one prediction may cost. */
export interface Limits {
  readonly readBytes: number;
  readonly reads: number;
  readonly lookups: number;
  readonly sourceBytes: number;
  readonly visitedBlocks: number;
  readonly calledReadBytes: number;
  readonly calledWorkBytes: number;
}

/** So that no image keeps the converter busy: a hostile one gets a short prediction. */
export const limits: Limits = {
  /** Bytes read from the image's files. A large Python stack needs 50 MB, and what `calledReadBytes` counts. */
  readBytes: 320 * 1024 * 1024,
  /** Reads of the image's files. A large Python stack needs 5,000. */
  reads: 60_000,
  /** Paths and names looked up. Node tries up to ten paths for one `require`. */
  lookups: 2_000_000,
  /** Largest file that is read as a whole to be understood. Bytes. */
  sourceBytes: 16 * 1024 * 1024,
  /** Blocks that ranges cover, each as often as it is covered, and the ranges themselves: eight times what may be predicted. */
  visitedBlocks: 1024 * 1024,
  /** Bytes of tables and code that are read to follow calls; at the end of it calls are followed no further, and the prediction goes on. */
  calledReadBytes: 128 * 1024 * 1024,
  /** Bytes of code that are looked at for calls, the same in each function as often as a shorter way to it is found. */
  calledWorkBytes: 128 * 1024 * 1024,
};

/** Of one startup set, predicted or recorded: a start that reads more is better served by what it asks for. */
export const maxStartupBytes: number = 512 * 1024 * 1024;

/** A limit is reached: the prediction ends with what it has. */
export class LimitReached extends Error {
  override name = "LimitReached";
}
