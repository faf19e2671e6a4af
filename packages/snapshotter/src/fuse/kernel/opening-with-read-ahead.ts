import { setReadAhead } from "./connection.js";

/**
 * How far the kernel reads ahead on a file. `none`: one page; what a file system above asks for in one go still comes in one request, and nothing behind it.
 * `wide`: as long as a request can be; a third faster for what is in the store, and for what is not it brings chunks that nobody reads.
 */
export type ReadAheadWidth = "none" | "wide";

/** Bytes. */
export const readAheadBytesOf: Readonly<Record<ReadAheadWidth, number>> = { none: 4096, wide: 1024 * 1024 };

/**
 * Opens files of one FUSE mount with another read-ahead than usual. The kernel copies the read-ahead of the mount's device into each file when that is opened, so the device has
 * that one for that moment; files that are opened in the same moment by somebody else get it, too. Where two wish different ones, nothing is read ahead on either.
 */
export class OpeningWithReadAhead {
  readonly #setReadAhead: (sizeBytes: number) => Promise<void>;
  readonly #usualBytes: number;
  readonly #users: Record<ReadAheadWidth, number> = { none: 0, wide: 0 };
  /** Changes of the device, one after the other. */
  #changes: Promise<void> = Promise.resolve();

  /** @param usualBytes what the device has otherwise */
  constructor(mountpoint: string, usualBytes: number, set: typeof setReadAhead = setReadAhead) {
    this.#usualBytes = usualBytes;
    this.#setReadAhead = (sizeBytes) => set(mountpoint, sizeBytes);
  }

  /** Where the kernel does not let it be set, the files are opened with the usual one: that costs requests and no more. */
  async around<T>(width: ReadAheadWidth, open: () => Promise<T>): Promise<T> {
    this.#users[width]++;
    try {
      await this.#change();
      return await open();
    } finally {
      this.#users[width]--;
      await this.#change();
    }
  }

  get #wantedBytes(): number {
    if (this.#users.none > 0) return readAheadBytesOf.none;
    return this.#users.wide > 0 ? readAheadBytesOf.wide : this.#usualBytes;
  }

  #change(): Promise<void> {
    this.#changes = this.#changes.then(() => this.#setReadAhead(this.#wantedBytes)).catch(() => undefined);
    return this.#changes;
  }
}
