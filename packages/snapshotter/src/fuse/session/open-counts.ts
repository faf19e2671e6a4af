/** How often each disk is open, and who waits for that to end. */
export class OpenCounts {
  readonly #counts: Map<number, number>;
  readonly #waiting: Map<number, (() => void)[]> = new Map();

  /** @param counts of disks that are open already */
  constructor(counts: ReadonlyMap<number, number> = new Map()) {
    this.#counts = new Map(counts);
  }

  change(inode: number, by: number): void {
    const count = (this.#counts.get(inode) ?? 0) + by;
    // Workers tell of an opening and of its end on different ways: the end may come first, and 0 is then the sum.
    if (count === 0) this.#counts.delete(inode);
    else this.#counts.set(inode, count);
    if (count === 0) this.#release(inode);
  }

  /**
   * Resolves when nobody has the disk open; at once if nobody has.
   *
   * No worker is inside a read of the disk then, so its slots may be given away: the kernel keeps the opening of a file until each of its reads
   * has been answered, read-ahead included (fs/fuse/file.c, fuse_file_put), and a worker touches nothing of the disk after its answer.
   */
  closed(inode: number): Promise<void> {
    if (!this.#counts.has(inode)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.set(inode, [...(this.#waiting.get(inode) ?? []), resolve]);
    });
  }

  /** The connection is over: nobody has anything open any more. */
  clear(): void {
    this.#counts.clear();
    for (const inode of [...this.#waiting.keys()]) this.#release(inode);
  }

  #release(inode: number): void {
    const waiting = this.#waiting.get(inode) ?? [];
    this.#waiting.delete(inode);
    for (const resolve of waiting) resolve();
  }
}
