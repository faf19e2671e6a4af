/** What to do after a daemon has died. */
export type Next =
  | { readonly kind: "start"; readonly afterMs: number }
  /** No daemon lives long enough to serve: whoever waits for an answer gets none from us. */
  | { readonly kind: "give-up" };

/** A daemon that serves for as long as this works; one that dies sooner may be dying of what it is asked for. Milliseconds. */
const goodLifeMs = 500;
const firstPauseMs = 50;
const maxPauseMs = 2000;

/** How long daemons may fail before the keeper ends the connection: what a read may take by default. Milliseconds. */
const defaultPatienceMs = 60_000;

/** Decides when the next daemon starts, and when there is no point any more. Times in milliseconds of one clock. */
export class Patience {
  readonly #patienceMs: number;
  #failures = 0;
  #badSince: number | undefined;

  constructor(patienceMs: number = defaultPatienceMs) {
    this.#patienceMs = patienceMs;
  }

  /** @param servedMs how long the dead one served; undefined if it never did */
  afterDeath(nowMs: number, servedMs: number | undefined): Next {
    if (servedMs !== undefined && servedMs >= goodLifeMs) {
      this.#failures = 0;
      this.#badSince = undefined;
      return { kind: "start", afterMs: 0 };
    }
    this.#badSince ??= nowMs;
    if (nowMs - this.#badSince >= this.#patienceMs) return { kind: "give-up" };
    const afterMs = this.#failures === 0 ? 0 : Math.min(firstPauseMs * 2 ** (this.#failures - 1), maxPauseMs);
    this.#failures++;
    return { kind: "start", afterMs };
  }
}
