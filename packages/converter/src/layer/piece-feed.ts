/** What goes to the other thread at once. Bytes. */
const pieceBytes = 256 * 1024;
/** Pieces that it may have lying there. */
const maxAhead = 4;

/** Where the pieces go. */
export interface PieceReceiver {
  /** Takes the memory over. */
  piece(bytes: Uint8Array<ArrayBuffer>): void;
  /** `broken`: the stream failed. */
  end(broken: boolean): void;
}

/** Hands a stream to another thread in pieces of one size, a few ahead of what that thread has taken. */
export class PieceFeed {
  readonly #receiver: PieceReceiver;
  #ahead = 0;
  #stopped = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => undefined;

  constructor(receiver: PieceReceiver) {
    this.#receiver = receiver;
  }

  /** What the stream failed with. */
  get failure(): { readonly error: unknown } | undefined {
    return this.#failure;
  }

  /** A piece was taken. */
  taken(): void {
    this.#ahead--;
    this.#wake();
  }

  /** Nothing is wanted any more; the stream is closed at its next piece. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  /** Resolves at the end of the stream, however it ends. */
  async run(content: AsyncIterable<Uint8Array>): Promise<void> {
    try {
      for await (const bytes of gathered(content)) {
        while (this.#ahead >= maxAhead && !this.#stopped) await this.#changed();
        if (this.#stopped) return;
        this.#ahead++;
        this.#receiver.piece(bytes);
      }
    } catch (error) {
      this.#failure = { error };
    }
    if (!this.#stopped) this.#receiver.end(this.#failure !== undefined);
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** The same bytes in pieces of {@link pieceBytes} and a rest, each in memory of its own. */
async function* gathered(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let piece = new Uint8Array(pieceBytes);
  let used = 0;
  for await (const bytes of content) {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + pieceBytes - used);
      piece.set(part, used);
      used += part.length;
      at += part.length;
      if (used < pieceBytes) continue;
      yield piece;
      piece = new Uint8Array(pieceBytes);
      used = 0;
    }
  }
  if (used > 0) yield piece.subarray(0, used);
}
