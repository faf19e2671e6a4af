/** How much had come by then, since the beginning. */
export interface BytesBy {
  readonly seconds: number;
  readonly bytes: number;
}

/** As fine as a plot shows. Milliseconds. */
const firstIntervalMs = 10;
/** What is kept of a transfer, however long it takes. */
const maxPoints = 512;

/** Writes down how a count of bytes grows, from now on until {@link end}: ever more seldom, so that what is kept stays small. */
export class Transfer implements Disposable {
  readonly #bytes: () => number;
  readonly #startedAtMs = performance.now();
  readonly #before: number;
  #points: BytesBy[] = [{ seconds: 0, bytes: 0 }];
  #intervalMs = firstIntervalMs;
  #timer: NodeJS.Timeout;

  constructor(bytes: () => number) {
    this.#bytes = bytes;
    this.#before = bytes();
    this.#timer = this.#start();
  }

  /** @returns what was seen, the last of it now */
  end(): readonly BytesBy[] {
    this[Symbol.dispose]();
    return [...this.#points, this.#now()];
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #start(): NodeJS.Timeout {
    return setInterval(() => this.#look(), this.#intervalMs);
  }

  #look(): void {
    const now = this.#now();
    if (now.bytes > (this.#points.at(-1)?.bytes ?? 0)) this.#points.push(now);
    if (this.#points.length < maxPoints) return;
    this.#points = this.#points.filter((_, i) => i % 2 === 0);
    this.#intervalMs *= 2;
    clearInterval(this.#timer);
    this.#timer = this.#start();
  }

  #now(): BytesBy {
    return { seconds: (performance.now() - this.#startedAtMs) / 1000, bytes: this.#bytes() - this.#before };
  }
}
