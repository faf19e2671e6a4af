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

/** Counts waiting time against an allowance that progress renews: bytes that merely trickle do not. */
export class ProgressDeadline {
  readonly #deadline: Deadline;
  readonly #idleMs: number;
  readonly #minBytes: number;
  #leftMs: number;
  #windowBytes = 0;
  #since = 0;

  constructor(deadline: Deadline, idleMs: number, minBytes: number) {
    this.#deadline = deadline;
    this.#idleMs = idleMs;
    this.#minBytes = minBytes;
    this.#leftMs = idleMs;
  }

  /** We wait for the other side from now on. */
  waiting(): void {
    this.#since = performance.now();
    this.#deadline.arm(Math.max(1, this.#leftMs));
  }

  /** The other side took or gave this many bytes; it waits for us now. */
  moved(bytes: number): void {
    this.#deadline.disarm();
    this.#windowBytes += bytes;
    if (this.#windowBytes >= this.#minBytes) {
      this.#leftMs = this.#idleMs;
      this.#windowBytes = 0;
    } else {
      this.#leftMs -= performance.now() - this.#since;
    }
  }
}
