import { writeSync } from "node:fs";
import type { DiskRun } from "@sluice/disk";
import { blockSizeBytes } from "@sluice/disk/blocks";
import { storeHead, storeHeadBytes } from "../protocol/notify.js";
import type { DiskFile } from "../serve/disk-file.js";
import { type DiskChange, DiskFiles } from "../serve/disk-files.js";
import { type ChunkReader, chunkRowAt, readDisk } from "../serve/read-disk.js";
import { noPushes, type PushCounts } from "./push-counts.js";
import type { ReadsInFlight } from "./reads-in-flight.js";

/** Most blocks in one store: 1 MiB. The kernel holds a lock that an unmount needs while it takes one. */
const maxStoreBlocks = 256;

export interface PagePusherParts {
  /** A descriptor of /dev/fuse. */
  readonly fd: number;
  readonly reader: ChunkReader;
  readonly readsInFlight: ReadsInFlight;
  readonly isMemoryShort: () => boolean;
  /** Something failed that should not. */
  readonly onFailure: (error: unknown) => void;
  /** write(2). */
  readonly write?: ((fd: number, bytes: Uint8Array, offset: number, length: number) => number) | undefined;
}

/** Reads stored blocks and puts them into the kernel's page cache. May wait for a page; so it lives on a thread that nobody waits for. */
export class PagePusher {
  readonly #parts: PagePusherParts;
  readonly #disks: DiskFiles = new DiskFiles();
  readonly #message: Uint8Array = new Uint8Array(storeHeadBytes + maxStoreBlocks * blockSizeBytes);

  constructor(parts: PagePusherParts) {
    this.#parts = parts;
  }

  apply(change: DiskChange): void {
    this.#disks.apply(change);
  }

  /** Pushes what it can of the runs, which lie inside the disk. Never throws. @returns what became of them */
  push(inode: number, runs: readonly DiskRun[]): PushCounts {
    const counts = noPushes();
    const disk = this.#disks.inode(inode);
    let isOver = disk === undefined || this.#parts.isMemoryShort();
    for (const run of runs) {
      let block = run.startBlock;
      const end = run.startBlock + run.blocks;
      while (!isOver && disk !== undefined && block < end) {
        const part = { startBlock: block, blocks: Math.min(maxStoreBlocks, end - block, blocksInRow(disk, block)) };
        const busy = this.#parts.readsInFlight.within(inode, part);
        const free = busy === undefined ? part.blocks : busy.startBlock - block;
        if (free > 0) isOver = !this.#pushPart(disk, { startBlock: block, blocks: free }, counts);
        counts.busyBytes += (busy?.blocks ?? 0) * blockSizeBytes;
        block += free + (busy?.blocks ?? 0);
      }
      counts.droppedBytes += (end - block) * blockSizeBytes;
    }
    return counts;
  }

  /** @returns whether it makes sense to go on */
  #pushPart(disk: DiskFile, { startBlock, blocks }: DiskRun, counts: PushCounts): boolean {
    const [offset, length] = [startBlock * blockSizeBytes, blocks * blockSizeBytes];
    if (!readDisk(disk, this.#parts.reader, offset, length, this.#message, storeHeadBytes)) {
      counts.absentBytes += length;
      return true;
    }
    const code = this.#write(storeHead(this.#message, disk.inode, offset, length));
    if (code === undefined) {
      counts.stores++;
      counts.storedBytes += length;
    } else if (code === "ENOENT") counts.unknownBytes += length;
    else counts.droppedBytes += length;
    return code === undefined;
  }

  /** @returns the code of the error that the kernel answered, if it did */
  #write(length: number): string | undefined {
    const { fd, onFailure, write = writeSync } = this.#parts;
    for (;;) {
      try {
        write(fd, this.#message, 0, length);
        return undefined;
      } catch (error) {
        const code = error instanceof Error && "code" in error ? String(error.code) : "";
        if (code === "EINTR" || code === "EAGAIN") continue;
        // The file is forgotten; the connection is over; no page is to be had.
        if (!["ENOENT", "ENODEV", "ECONNABORTED", "EPERM", "ENOMEM"].includes(code)) onFailure(error);
        return code;
      }
    }
  }
}

/** How many blocks from `block` on lie in the same chunk, or in none: they are in the store together, or not at all. */
function blocksInRow(disk: DiskFile, block: number): number {
  const row = chunkRowAt(disk.startBlock, block);
  const endOfRow = row < 0 ? 0 : (disk.startBlock[row] ?? 0) + (disk.blocks[row] ?? 0);
  const next = disk.startBlock[row + 1] ?? Number.POSITIVE_INFINITY;
  return (block < endOfRow ? endOfRow : next) - block;
}
