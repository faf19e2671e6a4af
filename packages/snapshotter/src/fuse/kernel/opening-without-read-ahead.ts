import { setReadAhead } from "./connection.js";

/** One page: what a file system above asks for in one go still comes in one request, and nothing behind it. */
const narrowBytes = 4096;

/**
 * Opens files of one FUSE mount so that the kernel never reads ahead on them. It copies the read-ahead of the mount's device into each file when that is opened, so the device has a narrow one
 * for that moment; files that are opened in the same moment by somebody else get it, too.
 */
export class OpeningWithoutReadAhead {
  readonly #setReadAhead: (sizeBytes: number) => Promise<void>;
  readonly #usualBytes: number;
  #users = 0;
  /** Changes of the device, one after the other. */
  #changes: Promise<void> = Promise.resolve();

  /** @param usualBytes what the device has otherwise */
  constructor(mountpoint: string, usualBytes: number, set: typeof setReadAhead = setReadAhead) {
    this.#usualBytes = usualBytes;
    this.#setReadAhead = (sizeBytes) => set(mountpoint, sizeBytes);
  }

  /** Where the kernel does not let it be set, the files are opened with it: that costs requests and no more. */
  async around<T>(open: () => Promise<T>): Promise<T> {
    this.#users++;
    try {
      await this.#change();
      return await open();
    } finally {
      this.#users--;
      await this.#change();
    }
  }

  #change(): Promise<void> {
    this.#changes = this.#changes
      .then(() => this.#setReadAhead(this.#users > 0 ? narrowBytes : this.#usualBytes))
      .catch(() => undefined);
    return this.#changes;
  }
}
