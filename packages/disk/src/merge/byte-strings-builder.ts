import type { ByteStrings } from "../byte-strings.js";
import { capacityFor, grown } from "./growing.js";

/** Collects byte strings one after the other. */
export class ByteStringsBuilder {
  #ends: Uint32Array;
  #bytes: Uint8Array = new Uint8Array(16_384);
  #count = 0;

  constructor(expected: number) {
    this.#ends = new Uint32Array(expected + 1);
  }

  /** Adds `bytes[start..end)`. @throws {RangeError} when all strings together would pass 4 GiB */
  add(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    const from = this.#ends[this.#count] ?? 0;
    const to = from + end - start;
    if (to > 0xffff_ffff) throw new RangeError("more than 4 GiB of names, targets or attributes in one image");
    if (to > this.#bytes.length) this.#bytes = grown(this.#bytes, capacityFor(to, this.#bytes.length));
    for (let i = start; i < end; i++) this.#bytes[from + i - start] = bytes[i] ?? 0;
    this.#count++;
    if (this.#count >= this.#ends.length)
      this.#ends = grown(this.#ends, capacityFor(this.#count + 1, this.#ends.length));
    this.#ends[this.#count] = to;
  }

  /** What was added, in that order. The builder must not be used again. */
  done(): ByteStrings {
    return {
      ends: this.#ends.subarray(0, this.#count + 1),
      bytes: this.#bytes.subarray(0, this.#ends[this.#count] ?? 0),
    };
  }
}
