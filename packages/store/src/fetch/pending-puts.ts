import { setTimeout as sleep } from "node:timers/promises";

/** How long a request waits for a store that takes nothing, once, before it goes on without it. Milliseconds. */
const patienceMs = 2000;

/** The chunks that are on their way into the store, within a budget of bytes. */
export class PendingPuts {
  readonly #maxBytes: number;
  readonly #puts: Set<Promise<void>> = new Set();
  #bytes = 0;
  /** Nothing has got into the store since somebody waited in vain. */
  #isStuck = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether there is room for so many bytes more. Also for any number of them when nothing is on its way. */
  hasRoomFor(bytes: number): boolean {
    return this.#puts.size === 0 || this.#bytes + bytes <= this.#maxBytes;
  }

  /** Resolves when there is room, or when the store seems to hang. */
  async roomFor(bytes: number): Promise<void> {
    const stop = new AbortController();
    const patience = sleep(patienceMs, true, stop).catch(() => true);
    try {
      while (!this.#isStuck && !this.hasRoomFor(bytes)) {
        this.#isStuck = (await Promise.race([patience, ...this.#puts])) === true;
      }
    } finally {
      stop.abort();
    }
  }

  /** @param put must not reject @param onRoom called when it has ended and left room */
  add(bytes: number, put: Promise<void>, onRoom: () => void): void {
    this.#bytes += bytes;
    const done: Promise<void> = put.finally(() => {
      this.#puts.delete(done);
      this.#bytes -= bytes;
      this.#isStuck = false;
      onRoom();
    });
    this.#puts.add(done);
  }

  /** Resolves when none is on its way. */
  async settled(): Promise<void> {
    while (this.#puts.size > 0) await Promise.all(this.#puts);
  }
}
