import type { Segment } from "./segment.js";

/** A segment with so much that is not on the disk for certain is synced at once. Bytes. */
const maxUnsyncedBytes = 32 * 1024 * 1024;
/** Any other waits so long, so that what arrives together is synced together. The kernel's own writeback waits longer. Milliseconds. */
const syncDelayMs = 1000;

export interface SegmentSyncerParts {
  /** The disk has all that was written to the segment when its sync began. */
  readonly onSynced: () => void;
  /** Of what was written since the last good sync, nobody knows what reached the disk. */
  readonly onLost: (segment: Segment, error: unknown) => Promise<void>;
}

/**
 * Syncs segments in the background, one at a time, never in the way of a put or a reader. Only a sync tells that writing back failed: the system drops the
 * pages then, and a later read finds what the disk had before.
 */
export class SegmentSyncer {
  readonly #parts: SegmentSyncerParts;
  readonly #dirty: Set<Segment> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(parts: SegmentSyncerParts) {
    this.#parts = parts;
  }

  /** Call after the segment grew. @param isSealed it will not grow any more: no use in waiting for more */
  appended(segment: Segment, isSealed = false): void {
    const unsyncedBytes = segment.sizeBytes - segment.syncedBytes;
    if (unsyncedBytes <= 0 || segment.retired) return;
    this.#dirty.add(segment);
    if (isSealed || unsyncedBytes >= maxUnsyncedBytes) this.#start();
    else this.#timer ??= setTimeout(() => this.#start(), syncDelayMs).unref();
  }

  /** Syncs what is not synced yet. Nothing may be appended any more. */
  async close(): Promise<void> {
    do {
      this.#start();
      await this.#running;
    } while (this.#dirty.size > 0);
    clearTimeout(this.#timer);
  }

  #start(): void {
    if (this.#running !== undefined) return; // it takes what has come meanwhile, too
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running = this.#syncAll().finally(() => {
      this.#running = undefined;
    });
  }

  async #syncAll(): Promise<void> {
    for (const segment of this.#dirty) {
      this.#dirty.delete(segment);
      if (segment.retired) continue;
      try {
        await segment.sync();
        this.#parts.onSynced();
      } catch (error) {
        await this.#parts.onLost(segment, error);
      }
    }
  }
}
