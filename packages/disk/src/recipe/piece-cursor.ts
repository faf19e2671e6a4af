import { InvalidFormatError } from "../invalid-format-error.js";

const empty = new Uint8Array(0);

/** Reads a stream of pieces by small counts. What it gives out is valid until the next call. */
export class PieceCursor {
  readonly #pieces: AsyncGenerator<Uint8Array>;
  readonly #part: string;
  #piece: Uint8Array = empty;
  #position = 0;

  constructor(pieces: AsyncGenerator<Uint8Array>, part: string) {
    this.#pieces = pieces;
    this.#part = part;
  }

  /** Bytes taken so far. */
  get position(): number {
    return this.#position;
  }

  /** Exactly `count` bytes; meant for small counts. @throws {InvalidFormatError} when the stream ends before */
  async take(count: number): Promise<Uint8Array> {
    const first = await this.takeUpTo(count);
    if (first.length === count) return first;
    const bytes = new Uint8Array(count);
    bytes.set(first);
    for (let at = first.length; at < count; ) {
      const next = await this.takeUpTo(count - at);
      bytes.set(next, at);
      at += next.length;
    }
    return bytes;
  }

  /** 1 to `count` bytes. @throws {InvalidFormatError} when the stream has ended */
  async takeUpTo(count: number): Promise<Uint8Array> {
    if (await this.atEnd()) {
      throw new InvalidFormatError(this.#part, `byte ${this.#position}`, `${count} more bytes`, "the end");
    }
    const taken = this.#piece.subarray(0, count);
    this.#piece = this.#piece.subarray(taken.length);
    this.#position += taken.length;
    return taken;
  }

  async atEnd(): Promise<boolean> {
    while (this.#piece.length === 0) {
      const next = await this.#pieces.next();
      if (next.done === true) return true;
      this.#piece = next.value;
    }
    return false;
  }

  /** Stops the stream, which closes what it reads from. */
  async close(): Promise<void> {
    await this.#pieces.return(undefined);
  }
}
