/**
 * A signal with two reasons to fire: the caller's, and a timer that its owner arms while it waits for the other side.
 * Release it when the exchange is over, or the caller's signal keeps it alive.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #caller: AbortSignal | undefined;
  readonly #onCallerAbort = (): void => this.#controller.abort(this.#caller?.reason);
  #timer: NodeJS.Timeout | undefined;
  #expired = false;
  #released = false;

  constructor(caller: AbortSignal | undefined) {
    caller?.throwIfAborted();
    this.#caller = caller;
    caller?.addEventListener("abort", this.#onCallerAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Whether the timer fired. */
  get expired(): boolean {
    return this.#expired;
  }

  /** Fires after `timeoutMs`, unless armed again or disarmed before. */
  arm(timeoutMs: number): void {
    clearTimeout(this.#timer);
    if (this.#released) return;
    this.#timer = setTimeout(() => this.expire(`no progress for ${timeoutMs} ms`), timeoutMs);
  }

  /** Fires at once, as the timer would. */
  expire(reason: string): void {
    this.#expired = true;
    this.#controller.abort(new Error(reason));
  }

  disarm(): void {
    clearTimeout(this.#timer);
  }

  /** Ends the exchange from our side. Harmless when it has ended. */
  abort(reason: Error): void {
    this.#controller.abort(reason);
  }

  release(): void {
    this.#released = true;
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#onCallerAbort);
  }
}

/** The patience of a {@link ProgressDeadline}; see `TimeoutConfig`. */
interface ProgressLimits {
  readonly idleMs: number;
  readonly minProgressBytes: number;
  readonly minBytesPerSecond: number;
}

/**
 * Counts waiting time against two allowances: one that progress renews, so that bytes that merely trickle do not, and one for the whole,
 * to which every byte adds its time at the lowest rate.
 */
export class ProgressDeadline {
  readonly #deadline: Deadline;
  readonly #limits: ProgressLimits;
  #totalLeftMs: number;
  #leftMs: number;
  #windowBytes = 0;
  /** Undefined while the other side waits for us. */
  #since: number | undefined;

  constructor(deadline: Deadline, limits: ProgressLimits) {
    this.#deadline = deadline;
    this.#limits = limits;
    this.#leftMs = limits.idleMs;
    this.#totalLeftMs = limits.idleMs;
  }

  /** We wait for the other side from now on. */
  waiting(): void {
    this.#since = performance.now();
    this.#deadline.arm(Math.max(1, Math.min(this.#leftMs, this.#totalLeftMs)));
  }

  /** The other side took or gave this many bytes; it waits for us now. */
  moved(bytes: number): void {
    this.#deadline.disarm();
    const waitedMs = this.#since === undefined ? 0 : performance.now() - this.#since;
    this.#since = undefined;
    const { idleMs, minBytesPerSecond, minProgressBytes } = this.#limits;
    this.#totalLeftMs += (bytes / minBytesPerSecond) * 1000 - waitedMs;
    this.#windowBytes += bytes;
    if (this.#windowBytes >= minProgressBytes) {
      this.#leftMs = idleMs;
      this.#windowBytes = 0;
    } else {
      this.#leftMs -= waitedMs;
    }
  }
}
