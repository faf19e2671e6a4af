import { open } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import type { MountableDisk } from "@sluice/snapshotter";
import { chunkState, type FileChunks } from "@sluice/snapshotter/testing";
import type { DiskImage } from "./erofs-disk.js";

/** What the network does to a read. Throwing fails it; waiting delays it. */
export type OnRead = (offset: number, signal: AbortSignal | undefined) => Promise<void>;

/** A disk over an image file whose reads a test can delay and fail, and whose chunks a test can take out of the store. */
export class ServedDisk implements MountableDisk {
  readonly name: string;
  readonly sizeBytes: number;
  readonly startBlock: Uint32Array;
  readonly blocks: Uint32Array;
  readonly slots: Int32Array;
  readonly offsetInChunk: Uint32Array;
  /** Reads that came through here: misses, and every read of a driver that knows no store. */
  reads = 0;
  onRead: OnRead = async () => undefined;
  readonly #image: DiskImage;
  readonly #chunks: FileChunks;

  constructor(name: string, image: DiskImage, chunks: FileChunks) {
    this.name = name;
    this.#image = image;
    this.#chunks = chunks;
    this.sizeBytes = image.sizeBytes;
    const columns = chunks.bind(image.path, image.sizeBytes, 64);
    this.startBlock = columns.startBlock;
    this.blocks = columns.blocks;
    this.slots = columns.slots;
    this.offsetInChunk = columns.offsetInChunk;
  }

  /** Takes the chunks of the data out of the store, or puts them back; those of the metadata stay. */
  setData(state: keyof typeof chunkState): void {
    for (const [row, slot] of this.slots.entries()) {
      if ((this.startBlock[row] ?? 0) * 4096 >= this.#image.dataOffset) this.#chunks.set(slot, chunkState[state]);
    }
  }

  isData(offset: number): boolean {
    return offset >= this.#image.dataOffset;
  }

  async read(offset: number, length: number, options?: { signal?: AbortSignal | undefined }): Promise<Uint8Array> {
    this.reads++;
    await this.onRead(offset, options?.signal);
    const file = await open(this.#image.path);
    try {
      const bytes = Buffer.alloc(length);
      await file.read(bytes, 0, length, offset);
      return bytes;
    } finally {
      await file.close();
    }
  }
}

/** Waits until the signal fires and then rejects with its reason, as a stalled network would. */
export const forever = async (signal: AbortSignal | undefined): Promise<never> =>
  await setTimeout(2 ** 30, undefined, { signal, ref: false }).then(() => {
    throw new Error("forever is over");
  });

/** Waits until `holds` does. @throws {Error} after `timeoutMs` */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 10_000,
): Promise<void> {
  const end = performance.now() + timeoutMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`after ${timeoutMs / 1000} s still not: ${what}`);
    await setTimeout(20);
  }
}
