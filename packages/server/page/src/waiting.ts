/** Runs so much at once, the rest in the order it came: a browser opens six connections to a host, and somebody may press a button. */
export class Waiting {
  readonly #free: Promise<void>[];

  constructor(atOnce = 4) {
    this.#free = Array.from({ length: atOnce }, () => Promise.resolve());
  }

  /** @param work must not reject */
  run(work: () => Promise<void>): void {
    const [first = Promise.resolve(), ...others] = this.#free;
    this.#free.splice(0, this.#free.length, ...others, first.then(work));
  }
}
