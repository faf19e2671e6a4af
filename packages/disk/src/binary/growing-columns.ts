type Column = Uint8Array | Uint32Array | Float64Array;

/** A typed array that doubles when full, so that building a table keeps no object per row. */
export class GrowingColumn<C extends Column> {
  readonly #create: (length: number) => C;
  #values: C;
  #length = 0;

  constructor(create: (length: number) => C, initialLength = 1024) {
    this.#create = create;
    this.#values = create(initialLength);
  }

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    this.#reserve(1);
    this.#values[this.#length++] = value;
  }

  append(values: Uint8Array): void {
    this.#reserve(values.length);
    this.#values.set(values, this.#length);
    this.#length += values.length;
  }

  set(row: number, value: number): void {
    if (row >= this.#length) throw new RangeError(`row ${row} of ${this.#length}`);
    this.#values[row] = value;
  }

  at(row: number): number {
    return this.#values[row] ?? 0;
  }

  /** A copy of the rows, of exactly their length. */
  finish(): C {
    return this.#values.slice(0, this.#length) as C; // slice gives the same kind of array
  }

  #reserve(rows: number): void {
    if (this.#length + rows <= this.#values.length) return;
    const grown = this.#create(Math.max(this.#values.length * 2, this.#length + rows));
    grown.set(this.#values.subarray(0, this.#length));
    this.#values = grown;
  }
}

export const growingUint8 = (): GrowingColumn<Uint8Array> => new GrowingColumn((length) => new Uint8Array(length));
export const growingUint32 = (): GrowingColumn<Uint32Array> => new GrowingColumn((length) => new Uint32Array(length));
export const growingFloat64 = (): GrowingColumn<Float64Array> =>
  new GrowingColumn((length) => new Float64Array(length));
