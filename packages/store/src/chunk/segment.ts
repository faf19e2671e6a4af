import type { FileHandle } from "node:fs/promises";
import { recordHeaderBytes } from "./segment-format.js";

/** One open segment file. Appended to by the store's lane, read by anyone who pins it. */
export class Segment {
  readonly number: number;
  /** In the table of descriptors that readers share. */
  readonly place: number;
  readonly path: string;
  readonly file: FileHandle;
  /** The store's clock when the segment was begun. */
  readonly birth: number;
  /** Up to here records are whole. Bytes. */
  sizeBytes: number;
  /** Up to here the disk has them for certain. Bytes. */
  syncedBytes: number;
  chunks: number;
  /** Set first thing on eviction: nothing new may point here. */
  retired = false;
  #pins = 0;
  #onUnpinned: (() => void) | undefined;

  constructor(at: Omit<Segment, "retired" | "sync" | "unpinned" | "readPayload" | "readRecord">) {
    this.number = at.number;
    this.place = at.place;
    this.path = at.path;
    this.file = at.file;
    this.birth = at.birth;
    this.sizeBytes = at.sizeBytes;
    this.syncedBytes = at.syncedBytes;
    this.chunks = at.chunks;
  }

  /** The chunk's bytes, not verified; undefined if the file ends early. @param offset of the record */
  async readPayload(offset: number, lengthBytes: number): Promise<Uint8Array | undefined> {
    const record = await this.readRecord(offset, lengthBytes);
    return record?.subarray(recordHeaderBytes);
  }

  /** Header and bytes; undefined if the file ends early. Pins the segment meanwhile. */
  async readRecord(offset: number, lengthBytes: number): Promise<Uint8Array | undefined> {
    const wanted = recordHeaderBytes + lengthBytes;
    const into = Buffer.allocUnsafeSlow(wanted);
    this.#pins++;
    try {
      let done = 0;
      while (done < wanted) {
        const { bytesRead } = await this.file.read(into, done, wanted - done, offset + done);
        if (bytesRead === 0) return undefined;
        done += bytesRead;
      }
      return into;
    } finally {
      if (--this.#pins === 0) this.#onUnpinned?.();
    }
  }

  /** The disk has what is in the segment now. Pins it meanwhile. @throws what became of any write since the last sync */
  async sync(): Promise<void> {
    const upTo = this.sizeBytes;
    this.#pins++;
    try {
      await this.file.datasync();
      this.syncedBytes = Math.max(this.syncedBytes, upTo);
    } finally {
      if (--this.#pins === 0) this.#onUnpinned?.();
    }
  }

  /** Resolves when nobody on this thread reads the segment. Only of a retired one: nobody new comes. */
  async unpinned(): Promise<void> {
    if (this.#pins === 0) return;
    await new Promise<void>((resolve) => {
      this.#onUnpinned = resolve;
    });
  }
}
