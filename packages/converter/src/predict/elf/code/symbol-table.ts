import { symbolBytes } from "../elf-header.js";

/** Longest name that is looked up: those of C++ have up to some thousand characters. */
const maxNameBytes = 4096;
/** Symbols with one hash that are compared; real chains have a handful. */
const maxChain = 64;
const beginningBytes = 32;

/** The dynamic symbols of a file, found by name as the loader finds them: `.gnu.hash` leads to `.dynsym`. Of damaged tables it finds less. */
export class SymbolTable {
  readonly #symbols: Buffer;
  readonly #strings: Buffer;
  readonly #hash: Buffer;

  constructor(symbols: Buffer, strings: Buffer, hash: Buffer) {
    this.#symbols = symbols;
    this.#strings = strings;
    this.#hash = hash;
  }

  get count(): number {
    return Math.floor(this.#symbols.length / symbolBytes);
  }

  /** The name of a symbol by its place; empty when it has none. */
  name(place: number): Buffer {
    if (place >= this.count) return this.#strings.subarray(0, 0);
    const start = this.#symbols.readUInt32LE(place * symbolBytes);
    const rest = this.#strings.subarray(start, start + maxNameBytes);
    return rest.subarray(0, Math.max(0, rest.indexOf(0)));
  }

  /** The first characters of a symbol's name, and what follows them. */
  beginning(place: number): string {
    const start = this.#symbols.readUInt32LE(place * symbolBytes);
    return this.#strings.toString("latin1", start, start + beginningBytes);
  }

  /** Where a symbol of the file itself is; -1 for those of other files. */
  address(place: number): number {
    const at = place * symbolBytes;
    if (at + symbolBytes > this.#symbols.length || this.#symbols.readUInt16LE(at + 6) === 0) return -1;
    return this.#symbols.readUInt32LE(at + 8);
  }

  /** Where the file has what other files know by a name; -1 when it has nothing. */
  find(name: Buffer, hash: number): number {
    const table = this.#hash;
    if (table.length < 16) return -1;
    const bucketCount = table.readUInt32LE(0);
    const first = table.readUInt32LE(4);
    const buckets = 16 + table.readUInt32LE(8) * 8;
    const chains = buckets + bucketCount * 4;
    if (bucketCount === 0 || chains > table.length) return -1;
    const start = table.readUInt32LE(buckets + (hash % bucketCount) * 4);
    for (let place = start; place >= first && place < start + maxChain; place++) {
      const at = chains + (place - first) * 4;
      if (at + 4 > table.length) return -1;
      const found = table.readUInt32LE(at);
      if ((found | 1) === (hash | 1) && this.name(place).equals(name)) return this.address(place);
      if ((found & 1) === 1) return -1;
    }
    return -1;
  }
}

/** The hash of a name in `.gnu.hash`: 32 bits, h = h * 33 + c. */
export function gnuHash(name: Buffer): number {
  let hash = 5381;
  for (const byte of name) hash = (Math.imul(hash, 33) + byte) >>> 0;
  return hash;
}
