import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../errno.js";
import { appendRecords, type NewRecord, recordsBytes } from "./append-records.js";
import { chooseVictim, isHot } from "./eviction-policy.js";
import { readersPatienceMs } from "./reader-registry.js";
import type { Segment } from "./segment.js";
import { recordBytes, recordHeaderBytes } from "./segment-format.js";
import { slotState } from "./slot-word.js";
import { ReadersStuckError } from "./store-errors.js";
import { isDiskFailure } from "./store-health.js";
import type { StoreParts } from "./store-parts.js";
import { readVerified } from "./verified-read.js";

/** Share of a segment that chunks carried over from evicted ones may fill. */
const hotShare = 1 / 4;
/** Records carried over are gathered up to this before they are written. Bytes. */
const moveBatchBytes = 4 * 1024 * 1024;

/** Makes room by giving up whole segments. Runs in the store's lane. Never disturbs a reader: see {@link SharedChunkReader}. */
export class Evictor {
  readonly #parts: StoreParts;
  readonly #clock: Int32Array;
  /** Retired segments that readers may still be inside. */
  readonly #leaving: Set<Promise<void>> = new Set();

  constructor(parts: StoreParts, clock: Int32Array) {
    this.#parts = parts;
    this.#clock = clock;
  }

  /**
   * Evicts until a whole segment fits into the budget beside what stays. Hot chunks move to `active`, of which they fill a quarter at most; without it they go.
   *
   * @throws {ReadersStuckError} if readers do not leave the evicted segments in time; the room comes when they do
   */
  async makeRoom(active: Segment | undefined): Promise<void> {
    const { segments, budgetBytes, segmentBytes, health } = this.#parts;
    let hotBudget = active === undefined ? 0 : Math.max(0, segmentBytes * hotShare - active.sizeBytes);
    for (;;) {
      const old = segments.live.filter((segment) => segment !== active);
      const bytes = old.reduce((sum, segment) => sum + segment.sizeBytes, 0);
      if (bytes + segmentBytes <= budgetBytes) break;
      const victim = this.#chooseVictim(old, hotBudget);
      if (victim === undefined) break;
      if (active !== undefined) hotBudget -= await this.moveChunks(victim, this.#hottest(victim, hotBudget), active);
      health.evictions += victim.chunks;
      await this.retire(victim);
    }
    await this.waitForRoom();
  }

  /** Room for so many more bytes. @throws {ReadersStuckError} if what is on its way out does not leave it in time */
  async waitForRoom(bytes = 0): Promise<void> {
    const isOver = (): boolean => this.#parts.segments.bytes + bytes > this.#parts.budgetBytes;
    if (this.#leaving.size === 0 || !isOver()) return;
    const stop = new AbortController();
    await Promise.race([Promise.all(this.#leaving), sleep(readersPatienceMs, undefined, stop).catch(() => undefined)]);
    stop.abort();
    if (this.#leaving.size > 0 && isOver()) {
      throw new ReadersStuckError(readersPatienceMs);
    }
  }

  /** Makes the segment unfindable now, and gone once no reader is inside it. Chunks still in it are lost to the store. */
  async retire(segment: Segment): Promise<void> {
    const { segments, index, slots, readers } = this.#parts;
    segment.retired = true;
    for (const slot of slots.pointingTo(segment.place)) slots.drop(slot, slotState.absent);
    await index.removeSegment(segment.number); // if it cannot: entries that name a missing segment count as absent
    const gone = (async () => {
      await Promise.all([readers.quiesce(), segment.unpinned()]);
      await segments.destroy(segment).catch((error: unknown) => {
        if (!isErrno(error, "ENOENT") && !isDiskFailure(error)) throw error;
      });
    })();
    const leaving: Promise<void> = gone.finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
    leaving.catch(() => undefined); // waitForRoom and settled report it
  }

  /** Resolves when every retired segment is gone. */
  async settled(): Promise<void> {
    await Promise.all(this.#leaving);
  }

  /** Copies the chunks in these slots from one segment to the other. A damaged one is dropped. @returns bytes written */
  async moveChunks(from: Segment, slots: readonly number[], to: Segment): Promise<number> {
    let moved = 0;
    let batch: NewRecord[] = [];
    const flush = async (): Promise<void> => {
      if (batch.length > 0) await appendRecords(this.#parts, to, batch);
      moved += recordsBytes(batch);
      batch = [];
    };
    for (const slot of slots) {
      const record = await this.#take(from, slot);
      if (record !== undefined) batch.push(record);
      if (recordsBytes(batch) >= moveBatchBytes) await flush();
    }
    await flush();
    return moved;
  }

  async #take(from: Segment, slot: number): Promise<NewRecord | undefined> {
    const { slots, health } = this.#parts;
    const { columns } = slots;
    if (!slots.isThere(slot) || columns.segment[slot] !== from.place) return undefined; // it has gone, or is another chunk's now
    const generation = slots.generation(slot);
    const id = Buffer.from(columns.id.subarray(slot * 32, slot * 32 + 32));
    const offset = (columns.offset[slot] ?? 0) - recordHeaderBytes;
    const bytes = await readVerified(from, {
      id,
      segment: from.number,
      offset,
      lengthBytes: columns.length[slot] ?? 0,
    });
    if (bytes !== undefined) return { id, bytes };
    if (slots.dropIf(slot, generation, slotState.damaged)) health.foundDamage(id, from.path);
    return undefined;
  }

  #chooseVictim(old: readonly Segment[], hotBudget: number): Segment | undefined {
    const hotBytes = this.#hotBytesByPlace();
    const victim = chooseVictim(
      old.map(({ number, sizeBytes, place }) => ({ number, bytes: sizeBytes, hotBytes: hotBytes.get(place) ?? 0 })),
      hotBudget,
    );
    return victim && this.#parts.segments.byNumber(victim.number);
  }

  #hotBytesByPlace(): ReadonlyMap<number, number> {
    const { slots, segments } = this.#parts;
    const hotBytes = new Map<number, number>();
    const live = segments.live.length;
    for (const slot of slots.occupied()) {
      const place = slots.columns.segment[slot] ?? 0;
      const segment = segments.byPlace(place);
      if (segment === undefined || !this.#isHotIn(segment, slot, live)) continue;
      hotBytes.set(place, (hotBytes.get(place) ?? 0) + recordBytes(slots.columns.length[slot] ?? 0));
    }
    return hotBytes;
  }

  #isHotIn(segment: Segment, slot: number, live: number): boolean {
    return isHot(this.#parts.slots.columns.lastUse[slot] ?? 0, segment.birth, this.#clock[0] ?? 0, live);
  }

  /** The most recently used hot chunks of the segment, up to `budget` bytes. */
  #hottest(segment: Segment, budget: number): number[] {
    const { slots, segments } = this.#parts;
    const { lastUse, length } = slots.columns;
    const live = segments.live.length;
    const hot = [...slots.pointingTo(segment.place)].filter((slot) => this.#isHotIn(segment, slot, live));
    hot.sort((a, b) => (lastUse[b] ?? 0) - (lastUse[a] ?? 0));
    let left = budget;
    return hot.filter((slot) => {
      left -= recordBytes(length[slot] ?? 0);
      return left >= 0;
    });
  }
}
