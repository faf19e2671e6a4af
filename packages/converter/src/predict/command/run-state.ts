import type { Prediction } from "../prediction.js";

/** What has been run on the way here. */
export interface RunState {
  readonly depth: number;
  readonly environment: ReadonlyMap<string, string>;
  /** Scripts that have been followed: each is, once. */
  readonly scripts: Set<number>;
  /** Command lines that have been run, their words joined by NUL: each is, once. */
  readonly ran: Set<string>;
  /** Runs a command line: shells need it for those of their scripts. */
  run(words: readonly string[], prediction: Prediction, state: RunState): Promise<void>;
}
