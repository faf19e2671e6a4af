/** What was opened, in order; closed from the last to the first, once. */
export class Opened {
  readonly #things: AsyncDisposable[] = [];
  #closed: Promise<void> | undefined;

  add<T extends AsyncDisposable>(thing: T): T {
    this.#things.push(thing);
    return thing;
  }

  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    for (const thing of this.#things.toReversed()) await thing[Symbol.asyncDispose]();
  }
}
