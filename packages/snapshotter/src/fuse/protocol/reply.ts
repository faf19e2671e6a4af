import { type Attributes, attributesBytes, writeAttributes } from "./attributes.js";
import { maxReadBytes, outHeaderBytes } from "./constants.js";

/** Names, sizes and modes here never change while an inode lives: ten hours, seconds. A removed name is taken back by a notification. */
const validSeconds = 36_000;
/** struct fuse_entry_out: 8 nodeid + 8 generation + 8 entry_valid + 8 attr_valid + 2 × 4 nanoseconds, then the attributes. Bytes. */
const entryHeadBytes = 40;
/** struct fuse_attr_out: 8 attr_valid + 4 nanoseconds + 4 padding, then the attributes. Bytes. */
const attrHeadBytes = 16;
/** struct fuse_dirent: 8 ino + 8 off + 4 namelen + 4 type, then the name, padded to a multiple of 8. Bytes. */
const direntHeadBytes = 24;
/** DT_DIR and DT_REG. readdir(3) */
export const direntType = { directory: 4, file: 8 } as const;

/** A header and the longest body. */
export const replyBufferBytes: number = outHeaderBytes + maxReadBytes;

/**
 * The one answer that a thread is about to give: a header and up to 1 MiB behind it in one buffer, so that one write(2) sends it and a chunk is
 * read from its segment straight to its place.
 */
export class ReplyBuffer {
  /** The whole answer. */
  readonly bytes: Uint8Array;
  readonly #words: Uint32Array;
  /** Of the answer as it stands, header included. Bytes. */
  length = 0;

  /** @param bytes {@link replyBufferBytes}, at a multiple of 4 of their buffer */
  constructor(bytes: Uint8Array = new Uint8Array(replyBufferBytes)) {
    this.bytes = bytes;
    this.#words = new Uint32Array(bytes.buffer, bytes.byteOffset, replyBufferBytes / 4);
  }

  /** Seals the answer: `bodyBytes` lie behind the header already. */
  finish(uniqueLow: number, uniqueHigh: number, bodyBytes: number): void {
    this.#header(uniqueLow, uniqueHigh, 0, bodyBytes);
  }

  /** @param errno positive */
  fail(uniqueLow: number, uniqueHigh: number, errno: number): void {
    this.#header(uniqueLow, uniqueHigh, -errno, 0);
  }

  #header(uniqueLow: number, uniqueHigh: number, error: number, bodyBytes: number): void {
    this.length = outHeaderBytes + bodyBytes;
    this.#words[0] = this.length;
    this.#words[1] = error >>> 0;
    this.#words[2] = uniqueLow;
    this.#words[3] = uniqueHigh;
  }

  /** LOOKUP. @returns bytes of the body */
  entry(attributes: Attributes): number {
    const start = outHeaderBytes / 4;
    this.#words.fill(0, start, start + entryHeadBytes / 4);
    this.#words[start] = attributes.inode;
    this.#words[start + 4] = validSeconds;
    this.#words[start + 6] = validSeconds;
    writeAttributes(this.#words, outHeaderBytes + entryHeadBytes, attributes);
    return entryHeadBytes + attributesBytes;
  }

  /** GETATTR. @returns bytes of the body */
  attributes(attributes: Attributes): number {
    const start = outHeaderBytes / 4;
    this.#words.fill(0, start, start + attrHeadBytes / 4);
    this.#words[start] = validSeconds;
    writeAttributes(this.#words, outHeaderBytes + attrHeadBytes, attributes);
    return attrHeadBytes + attributesBytes;
  }

  /** OPEN and OPENDIR: struct fuse_open_out. The kernel names the handle again in RELEASE. @returns bytes of the body */
  opened(flags: number, handleLow = 0, handleHigh = 0): number {
    const start = outHeaderBytes / 4;
    this.#words[start] = handleLow;
    this.#words[start + 1] = handleHigh;
    this.#words[start + 3] = 0;
    this.#words[start + 2] = flags;
    return 16;
  }

  /** STATFS: struct fuse_statfs_out; a full file system of `blocks` blocks of 4096 bytes. @returns bytes of the body */
  statfs(blocks: number, files: number): number {
    const start = outHeaderBytes / 4;
    this.#words.fill(0, start, start + 20);
    this.#words[start] = blocks >>> 0;
    this.#words[start + 1] = Math.floor(blocks / 2 ** 32);
    this.#words[start + 6] = files;
    this.#words[start + 10] = 4096; // bsize
    this.#words[start + 11] = 255; // namelen
    this.#words[start + 12] = 4096; // frsize
    return 80;
  }

  /**
   * READDIR: one more entry behind `bodyBytes` bytes of entries.
   *
   * @param next the cursor that goes on behind this entry
   * @returns the new number of bytes; the old one if the entry does not fit into `limit`
   */
  dirent(bodyBytes: number, limit: number, inode: number, next: number, type: number, name: string): number {
    const size = direntHeadBytes + Math.ceil(name.length / 8) * 8;
    if (bodyBytes + size > limit) return bodyBytes;
    const at = outHeaderBytes + bodyBytes;
    this.bytes.fill(0, at, at + size);
    this.#words.set([inode, 0, next, 0, name.length, type], at / 4);
    Buffer.from(this.bytes.buffer, this.bytes.byteOffset).write(name, at + direntHeadBytes, "latin1");
    return bodyBytes + size;
  }
}

/** An answer with nothing in it, as one small buffer: a header, and the reason. @param errno positive; 0 says that all is well */
export function emptyReply(uniqueLow: number, uniqueHigh: number, errno: number): Uint8Array {
  return replyHeader(uniqueLow, uniqueHigh, errno, 0);
}

/** struct fuse_out_header of an answer of `bodyBytes` bytes. */
export function replyHeader(uniqueLow: number, uniqueHigh: number, errno: number, bodyBytes: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(outHeaderBytes + bodyBytes, -errno >>> 0, uniqueLow, uniqueHigh).buffer);
}
