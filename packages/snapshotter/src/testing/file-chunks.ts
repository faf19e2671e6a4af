import { openSync, readSync } from "node:fs";
import type { ChunkReader } from "../fuse/serve/read-disk.js";
import type { OpenChunkReader } from "../fuse/serve/store-reader.js";
import type { ChunkReaders } from "../fuse/session/worker-pool.js";

/** What a worker is to do with a chunk of {@link FileChunks}. `stalls`: wait until that changes. `killsOnce`: the thread dies over it, the next one finds it present. */
export const chunkState = { present: 0, absent: 1, throws: 2, killsThread: 3, stalls: 4, killsOnce: 5 } as const;

interface Shared {
  readonly paths: readonly string[];
  /** Per slot: which file. */
  readonly file: Uint32Array;
  /** Per slot: where in it. Bytes. */
  readonly offset: Float64Array;
  readonly state: Uint8Array;
}

/** Slots of one file's chunks, in its order. */
export interface FileColumns {
  readonly startBlock: Uint32Array;
  readonly blocks: Uint32Array;
  readonly slots: Int32Array;
  readonly offsetInChunk: Uint32Array;
  readonly sizeBytes: number;
}

/** A stand-in for a chunk store, over plain files, whose chunks can be made to miss and to fail at will. */
export class FileChunks implements ChunkReaders {
  readonly shared: Shared;
  /** Readers that are in use now. */
  readonly readers: Set<number> = new Set();
  #used = 0;

  constructor(paths: readonly string[], maxSlots = 65_536) {
    this.shared = {
      paths,
      file: new Uint32Array(new SharedArrayBuffer(maxSlots * 4)),
      offset: new Float64Array(new SharedArrayBuffer(maxSlots * 8)),
      state: new Uint8Array(new SharedArrayBuffer(maxSlots)),
    };
  }

  addReader(): number {
    let reader = 0;
    while (this.readers.has(reader)) reader++;
    this.readers.add(reader);
    return reader;
  }

  removeReader(reader: number): void {
    this.readers.delete(reader);
  }

  /** Cuts a file into chunks of `chunkBlocks` blocks and gives each a slot. */
  bind(path: string, sizeBytes: number, chunkBlocks: number): FileColumns {
    const file = this.shared.paths.indexOf(path);
    const blocks = sizeBytes / 4096;
    const count = Math.ceil(blocks / chunkBlocks);
    const columns: FileColumns = {
      startBlock: new Uint32Array(count),
      blocks: new Uint32Array(count),
      slots: new Int32Array(count),
      offsetInChunk: new Uint32Array(count),
      sizeBytes,
    };
    for (let row = 0; row < count; row++) {
      const slot = this.#used++;
      columns.startBlock[row] = row * chunkBlocks;
      columns.blocks[row] = Math.min(chunkBlocks, blocks - row * chunkBlocks);
      columns.slots[row] = slot;
      this.shared.file[slot] = file;
      this.shared.offset[slot] = row * chunkBlocks * 4096;
    }
    return columns;
  }

  /** From now on every worker does this with the chunk. */
  set(slot: number, state: (typeof chunkState)[keyof typeof chunkState]): void {
    this.shared.state[slot] = state;
  }
}

/** What the workers of a session load in place of the store's reader. */
export const openChunkReader: OpenChunkReader = (given): ChunkReader => {
  const shared = given as Shared; // what FileChunks.shared is
  const pause = new Int32Array(new SharedArrayBuffer(4));
  const fds = shared.paths.map((path) => openSync(path, "r"));
  return {
    read(slot, offsetInChunk, length, into, intoOffset) {
      const state = shared.state[slot];
      if (state === chunkState.absent) return -1;
      if (state === chunkState.throws) throw new Error(`slot ${slot} throws`);
      if (state === chunkState.killsOnce) shared.state[slot] = chunkState.present;
      if (state === chunkState.killsThread || state === chunkState.killsOnce) process.exit(7);
      while (shared.state[slot] === chunkState.stalls) Atomics.wait(pause, 0, 0, 5);
      const fd = fds[shared.file[slot] ?? 0] ?? -1;
      return readSync(fd, into, intoOffset, length, (shared.offset[slot] ?? 0) + offsetInChunk);
    },
  };
};

/** Of this module, for `readerModule`. */
export const fileChunksModule: string = import.meta.url;
