/** The pieces of a stream that another thread posts, to be read here as they come. */
export class PieceInbox implements AsyncIterable<Uint8Array> {
  readonly #onTaken: () => void;
  readonly #pieces: Uint8Array[] = [];
  #end: { readonly error: Error | undefined } | undefined;
  #wake: () => void = () => undefined;

  /** @param onTaken tells the sender that there is room for one more */
  constructor(onTaken: () => void) {
    this.#onTaken = onTaken;
  }

  push(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
    this.#wake();
  }

  /** No more come; with an error, because the stream broke, which the reader hears behind the last piece. */
  end(error?: Error): void {
    this.#end = { error };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) {
        this.#onTaken();
        yield piece;
      } else if (this.#end === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else if (this.#end.error === undefined) return;
      else throw this.#end.error;
    }
  }
}
