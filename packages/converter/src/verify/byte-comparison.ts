/** Compares a stream of pieces with another one that is cut elsewhere. */
export class ByteComparison {
  readonly #expected: Iterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);
  #position = 0;

  constructor(expected: Iterable<Uint8Array>) {
    this.#expected = expected[Symbol.iterator]();
  }

  /** Where in the stream the next `bytes` are not the expected ones, too many included; undefined when they are. */
  firstDifference(bytes: Uint8Array): number | undefined {
    for (let at = 0; at < bytes.length; ) {
      if (this.atEnd()) return this.#position;
      const length = Math.min(this.#piece.length, bytes.length - at);
      const same = Buffer.compare(this.#piece.subarray(0, length), bytes.subarray(at, at + length)) === 0;
      if (!same) return this.#position + this.#piece.findIndex((byte, i) => byte !== bytes[at + i]);
      this.#piece = this.#piece.subarray(length);
      this.#position += length;
      at += length;
    }
    return undefined;
  }

  /** Nothing more is expected. */
  atEnd(): boolean {
    while (this.#piece.length === 0) {
      const next = this.#expected.next();
      if (next.done === true) return true;
      this.#piece = next.value;
    }
    return false;
  }
}
