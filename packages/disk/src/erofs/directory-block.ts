import { readU64, viewOf } from "../binary/integers.js";
import { InvalidFormatError } from "../invalid-format-error.js";
import { direntBytes } from "./on-disk.js";

/** What a directory says about one name. `type` is a number of `direntType`. */
export interface ErofsDirent {
  readonly name: Uint8Array;
  readonly nid: number;
  readonly type: number;
}

const maxNameBytes = 255;
const slash = 0x2f;

/** One block of a directory; every access is checked. */
export class DirectoryBlock {
  readonly count: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #place: string;

  /** @param place names the block in errors @throws {InvalidFormatError} if the block cannot be one */
  constructor(bytes: Uint8Array, place: string) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#place = place;
    const namesStart = bytes.length < direntBytes ? 0 : this.#view.getUint16(8, true);
    if (namesStart < direntBytes || namesStart % direntBytes !== 0 || namesStart >= bytes.length) {
      throw this.#invalid(`names behind whole dirents, in ${bytes.length} bytes`, `at ${namesStart}`);
    }
    this.count = namesStart / direntBytes;
  }

  /** The name of entry `i`, a view. */
  name(i: number): Uint8Array {
    const start = this.#view.getUint16(i * direntBytes + 8, true);
    const isLast = i + 1 === this.count;
    let end = isLast ? this.#bytes.length : this.#view.getUint16((i + 1) * direntBytes + 8, true);
    if (isLast && start < end) {
      const terminator = this.#bytes.subarray(start, end).indexOf(0);
      if (terminator !== -1) end = start + terminator;
    }
    const length = end - start;
    if (start < this.count * direntBytes || end > this.#bytes.length || length < 1 || length > maxNameBytes) {
      throw this.#invalid("a name of 1 to 255 bytes in the block", `entry ${i}: ${length} bytes at ${start}`);
    }
    const name = this.#bytes.subarray(start, end);
    if (name.includes(0) || name.includes(slash)) throw this.#invalid("a name without / and NUL", `entry ${i}`);
    return name;
  }

  dirent(i: number): ErofsDirent {
    const at = i * direntBytes;
    return {
      name: this.name(i),
      nid: readU64(this.#view, at, "EROFS directory", this.#place),
      type: this.#view.getUint8(at + 10),
    };
  }

  /** The entry of that name, or undefined. Entries are sorted by name; in a block that is not, it may be missed. */
  find(name: Uint8Array): ErofsDirent | undefined {
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const order = Buffer.compare(name, this.name(middle));
      if (order === 0) return this.dirent(middle);
      if (order > 0) low = middle + 1;
      else high = middle - 1;
    }
    return undefined;
  }

  #invalid(expected: string, found: string): InvalidFormatError {
    return new InvalidFormatError("EROFS directory", this.#place, expected, found);
  }
}
