import { stat } from "node:fs/promises";
import type { DiskRun } from "@sluice/disk";
import { blockSizeBytes } from "@sluice/disk/blocks";
import type { DiskFile } from "../serve/disk-file.js";
import type { DiskChange } from "../serve/disk-files.js";
import { PageWindows } from "./page-windows.js";
import type { PushCounts } from "./push-counts.js";
import { Pusher, type PusherOptions } from "./pusher.js";
import { createReadsInFlight, ReadsInFlight } from "./reads-in-flight.js";

export interface DiskPushesOptions extends Omit<PusherOptions, "readsInFlight"> {
  /** Where the file of a disk is. */
  readonly pathOf: (disk: DiskFile) => string;
}

/** What one session puts into the page cache unasked: what a start needs, and what lies around pages that are read one by one. */
export class DiskPushes {
  readonly #pathOf: (disk: DiskFile) => string;
  readonly #readsInFlight: SharedArrayBuffer = createReadsInFlight();
  readonly #pusher: Pusher;
  readonly #windows = new PageWindows();
  /** Files that the kernel was made to know. */
  readonly #known: Set<number> = new Set();
  /** Our own uses of the mount, which an unmount waits for. */
  readonly #lookups: Set<Promise<unknown>> = new Set();

  constructor({ pathOf, ...options }: DiskPushesOptions) {
    this.#pathOf = pathOf;
    this.#pusher = new Pusher({ ...options, readsInFlight: this.#readsInFlight });
  }

  /** See `FuseSession.push`. @throws {RangeError} unless the runs lie inside the disk */
  async push(disk: DiskFile, runs: readonly DiskRun[]): Promise<void> {
    if (runs.length === 0) return;
    await this.#makeKnown(disk);
    await this.#pusher.push(disk, runs);
  }

  /** One page of the disk was read: brings its neighbours, if it is a page of metadata. */
  pushAround(disk: DiskFile, block: number): void {
    const endBlock = Math.min(disk.metadataBlocks, disk.sizeBytes / blockSizeBytes);
    const runs = this.#windows.around(disk.inode, block, endBlock);
    if (runs.length > 0) void this.#pusher.push(disk, runs, "asked-for");
  }

  /** A read of a disk waits: the push thread leaves its pages alone until the answer is called. Bytes. */
  enterRead({ inode, offset, length }: { inode: number; offset: number; length: number }): () => void {
    const inFlight = new ReadsInFlight(this.#readsInFlight);
    const startBlock = Math.floor(offset / blockSizeBytes);
    const row = inFlight.enter(inode, {
      startBlock,
      blocks: Math.ceil((offset + length) / blockSizeBytes) - startBlock,
    });
    return () => inFlight.leave(row);
  }

  tell(change: DiskChange): void {
    this.#pusher.tell(change);
  }

  /** Gives up what waits for the disk. Resolves when the thread has nothing of it in hand. */
  async forget(inode: number): Promise<void> {
    this.#known.delete(inode);
    this.#windows.forget(inode);
    await this.#pusher.forget(inode);
  }

  stats(): PushCounts {
    return this.#pusher.stats();
  }

  /** Resolves when none of our own lookups is under way in the mount. */
  async lookedUp(): Promise<void> {
    await Promise.all(this.#lookups);
  }

  /** Ends the thread. See {@link Pusher.close}. */
  close(): Promise<void> {
    return this.#pusher.close();
  }

  /** Into a file that the kernel does not know, nothing can be stored. Answered by the workers. */
  async #makeKnown(disk: DiskFile): Promise<void> {
    if (this.#known.has(disk.inode)) return;
    const lookup = stat(this.#pathOf(disk)).then(
      () => this.#known.add(disk.inode),
      () => undefined, // it was removed, or the connection is over
    );
    this.#lookups.add(lookup);
    await lookup.finally(() => this.#lookups.delete(lookup));
  }
}
