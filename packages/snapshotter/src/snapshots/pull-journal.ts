import type { PullOutcome, PullReport } from "../control/api.js";

/** Pulls that are remembered. */
const maxRemembered = 1000;

/** How the last pulls of containerd went. Their numbers rise, after a restart of the daemon too: none is smaller than the clock's milliseconds then. */
export class PullJournal {
  readonly #reports: PullReport[] = [];
  #last = 0;

  add(reference: string, outcome: PullOutcome, nowMs: number = Date.now()): void {
    this.#last = Math.max(this.#last + 1, nowMs);
    this.#reports.push({ number: this.#last, reference, ...outcome });
    if (this.#reports.length > maxRemembered) this.#reports.shift();
  }

  /** Of the last pull under this name. */
  outcome(reference: string): PullOutcome | undefined {
    const report = this.#reports.findLast((each) => each.reference === reference);
    return report && { streamed: report.streamed, reason: report.reason };
  }

  /** Those with larger numbers, in their order. */
  after(number: number): readonly PullReport[] {
    return this.#reports.filter((report) => report.number > number);
  }
}
