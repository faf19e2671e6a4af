import { inHeaderBytes, requestBufferBytes } from "./constants.js";

/** Word indexes (4 bytes each) into a request. struct fuse_in_header and the bodies behind it. */
const word = {
  length: 0,
  opcode: 1,
  uniqueLow: 2,
  uniqueHigh: 3,
  inodeLow: 4,
  inodeHigh: 5,
  pid: 8,
  body: inHeaderBytes / 4,
} as const;

/**
 * The one request that a thread has in hand, read in place: getters over the buffer that the device filled, nothing is copied or allocated.
 * Offsets are those of little-endian machines, the only ones Node's release builds run on with FUSE.
 */
export class RequestView {
  readonly bytes: Uint8Array = new Uint8Array(requestBufferBytes);
  readonly #words: Uint32Array = new Uint32Array(this.bytes.buffer);

  #word(index: number): number {
    return this.#words[index] ?? 0;
  }

  /** Of the whole request, as the kernel says. Bytes. */
  get length(): number {
    return this.#word(word.length);
  }
  get opcode(): number {
    return this.#word(word.opcode);
  }
  get uniqueLow(): number {
    return this.#word(word.uniqueLow);
  }
  get uniqueHigh(): number {
    return this.#word(word.uniqueHigh);
  }
  /** 0, which is no inode, if the kernel names one that this server cannot have given. */
  get inode(): number {
    return this.#word(word.inodeHigh) === 0 ? this.#word(word.inodeLow) : 0;
  }

  /** The thread that asked; 0 for what the kernel does on its own, such as read-ahead. */
  get pid(): number {
    return this.#word(word.pid);
  }

  /** READ and READDIR: struct fuse_read_in { fh, offset, size, … }. Bytes; for READDIR a cursor. */
  get readOffset(): number {
    return this.#word(word.body + 2) + this.#word(word.body + 3) * 2 ** 32;
  }
  get readSize(): number {
    return this.#word(word.body + 4);
  }

  /** INTERRUPT: struct fuse_interrupt_in { unique }, that of the request to give up. */
  get interruptedLow(): number {
    return this.#word(word.body);
  }
  get interruptedHigh(): number {
    return this.#word(word.body + 1);
  }

  /** RELEASE: struct fuse_release_in { fh, … }, as the answer to OPEN named it. */
  get handleLow(): number {
    return this.#word(word.body);
  }
  get handleHigh(): number {
    return this.#word(word.body + 1);
  }

  /** INIT: struct fuse_init_in { major, minor, max_readahead, flags, flags2, … }; `index` counts its words. */
  initWord(index: number): number {
    return this.#word(word.body + index);
  }

  /** LOOKUP: the name, which ends the request with a NUL. One character a byte. */
  get name(): string {
    return Buffer.from(this.bytes.buffer, inHeaderBytes, Math.max(0, this.length - inHeaderBytes - 1)).toString(
      "latin1",
    );
  }
}
