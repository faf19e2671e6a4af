import type { LowerLease } from "../mounts/lowers.js";

/** Disks that are mounted for somebody who is about to come: each is let go after a while, when whoever came holds it himself. */
export class PassingHolds {
  readonly #forMs: number;
  readonly #onError: (error: unknown) => void;
  readonly #held = new Map<LowerLease, NodeJS.Timeout>();

  constructor(forMs: number, onError: (error: unknown) => void) {
    this.#forMs = forMs;
    this.#onError = onError;
  }

  /** Takes over the lease. */
  hold(lease: LowerLease): void {
    const timer = setTimeout(() => void this.#release(lease), this.#forMs);
    this.#held.set(lease, timer.unref());
  }

  /** Lets go of all of them. */
  async close(): Promise<void> {
    await Promise.all([...this.#held.keys()].map((lease) => this.#release(lease)));
  }

  async #release(lease: LowerLease): Promise<void> {
    clearTimeout(this.#held.get(lease));
    this.#held.delete(lease);
    await lease.release().catch(this.#onError);
  }
}
