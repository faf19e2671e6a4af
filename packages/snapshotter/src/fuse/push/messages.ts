import type { DiskRun } from "@sluice/disk";
import type { DiskChange } from "../serve/disk-files.js";
import type { PushCounts } from "./push-counts.js";

/** What the push thread is given when it starts. */
export interface PushStart {
  /** A descriptor of the connection, of which it makes one of its own. No request is ever read from that. */
  readonly sessionFd: number;
  /** Its number as a reader of the store. */
  readonly reader: number;
  /** See `WorkerStart.readerModule`. */
  readonly readerModule: string;
  readonly readerShared: unknown;
  /** See {@link ReadsInFlight}. */
  readonly readsInFlight: SharedArrayBuffer;
  /** Below this share of the machine's memory that is to be had, nothing is pushed. 0 to 1. */
  readonly minAvailableShare: number;
}

/** What the main thread tells the push thread, in the order it is to happen. */
export type PushOrder =
  | DiskChange
  /** Inside the disk. Answered with {@link PushReport} `done`. */
  | { readonly kind: "push"; readonly inode: number; readonly runs: readonly DiskRun[] };

/** What the push thread tells the main thread. */
export type PushReport =
  /** The oldest order `push` that was not reported yet is over. */
  | { readonly kind: "done"; readonly counts: PushCounts }
  /** A store failed for a reason that is none of the usual ones. */
  | { readonly kind: "failure"; readonly error: unknown };
