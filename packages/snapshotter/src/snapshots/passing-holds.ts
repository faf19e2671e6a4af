import type { Digest } from "@sluice/oci";
import type { LowerLease } from "../mounts/lowers.js";

/** Disks that are mounted for somebody who is about to come: each is let go after a while, when whoever came holds it himself. */
export class PassingHolds {
  readonly #forMs: number;
  readonly #onError: (error: unknown) => void;
  readonly #held = new Map<LowerLease, { readonly artifact: Digest; readonly timer: NodeJS.Timeout }>();

  constructor(forMs: number, onError: (error: unknown) => void) {
    this.#forMs = forMs;
    this.#onError = onError;
  }

  /** Takes over the lease, of what `artifact` shows. */
  hold(lease: LowerLease, artifact: Digest): void {
    const timer = setTimeout(() => void this.#release(lease), this.#forMs);
    this.#held.set(lease, { artifact, timer: timer.unref() });
  }

  /** Lets go of what is held of other artifacts than these. */
  async releaseOthers(needed: ReadonlySet<Digest>): Promise<void> {
    const others = [...this.#held].filter(([, { artifact }]) => !needed.has(artifact));
    await Promise.all(others.map(([lease]) => this.#release(lease)));
  }

  /** Lets go of all of them. */
  async close(): Promise<void> {
    await Promise.all([...this.#held.keys()].map((lease) => this.#release(lease)));
  }

  async #release(lease: LowerLease): Promise<void> {
    clearTimeout(this.#held.get(lease)?.timer);
    this.#held.delete(lease);
    await lease.release().catch(this.#onError);
  }
}
