import { TooManyChunksError } from "./chunk-store.js";
import { IdTable } from "./id-table.js";
import { nextGeneration, type SlotState, slotState, stateOf, withState } from "./slot-word.js";
import { type SlotColumns, type StoreShared, slotColumns } from "./store-shared.js";

/** Where a slot points: a place in the table of descriptors, and the chunk's bytes in that file. Bytes. */
export interface SlotTarget {
  readonly place: number;
  readonly payloadOffset: number;
  readonly lengthBytes: number;
}

/**
 * The owner's side of the shared slots: finds the slot of a chunk id, counts the bindings that use it, and is the only one that
 * changes where a slot points.
 */
export class SlotTable {
  readonly columns: SlotColumns;
  readonly #maxSlots: number;
  readonly #clock: Int32Array;
  readonly #ids: IdTable;
  #references: Uint32Array = new Uint32Array(1024);
  readonly #unknown: Set<number> = new Set();
  /** Slots below this have been handed out at least once. */
  #high = 0;
  readonly #free: number[] = [];

  constructor(shared: StoreShared) {
    this.columns = slotColumns(shared);
    this.#maxSlots = shared.maxSlots;
    this.#clock = new Int32Array(shared.clock);
    this.#ids = new IdTable(this.columns.id);
  }

  /** The slot of the id of 32 bytes at `at` in `ids`, or −1. */
  find(ids: Uint8Array, at = 0): number {
    return this.#ids.find(ids, at);
  }

  /** One more binding uses the chunk. A new slot is absent. @returns the slot @throws {TooManyChunksError} if none is free */
  acquire(ids: Uint8Array, at: number): number {
    const known = this.find(ids, at);
    if (known >= 0) {
      this.#references[known] = this.references(known) + 1;
      return known;
    }
    const slot = this.#takeFree();
    this.columns.id.set(ids.subarray(at, at + 32), slot * 32);
    this.#ids.add(slot);
    this.#references[slot] = 1;
    this.#unknown.add(slot);
    return slot;
  }

  /** One binding fewer. @returns whether it was the last: the slot is absent then, and goes to {@link recycle} when no reader can know it */
  release(slot: number): boolean {
    const left = this.references(slot) - 1;
    this.#references[slot] = left;
    if (left > 0) return false;
    this.#ids.remove(slot);
    this.#unknown.delete(slot);
    this.drop(slot, slotState.absent);
    return true;
  }

  recycle(slots: readonly number[]): void {
    for (const slot of slots) this.#free.push(slot);
  }

  /** Whether the index was asked for the slot's chunk, or the chunk was here since: then an absent slot means an absent chunk. */
  isKnown(slot: number): boolean {
    return !this.#unknown.has(slot);
  }

  setKnown(slot: number): void {
    this.#unknown.delete(slot);
  }

  references(slot: number): number {
    return this.#references[slot] ?? 0;
  }

  state(slot: number): SlotState {
    return stateOf(Atomics.load(this.columns.word, slot));
  }

  /** Whether a reader could find the chunk. */
  isThere(slot: number): boolean {
    const state = this.state(slot);
    return state === slotState.present || state === slotState.verified;
  }

  /** Changes with everything that happens to the slot but verification. */
  generation(slot: number): number {
    return withState(Atomics.load(this.columns.word, slot), slotState.absent);
  }

  /** Points the slot at a chunk's bytes, those behind the record's header. What a disk claims of the length plays no part. */
  publish(slot: number, at: SlotTarget, state: SlotState): void {
    const word = this.drop(slot, slotState.absent);
    this.setKnown(slot);
    const { segment, offset, length, lastUse } = this.columns;
    Atomics.store(segment, slot, at.place);
    Atomics.store(offset, slot, at.payloadOffset);
    Atomics.store(length, slot, at.lengthBytes);
    lastUse[slot] = this.#clock[0] ?? 0;
    Atomics.store(this.columns.word, slot, withState(word, state));
  }

  /** Whoever looks now finds nothing. @returns the new word */
  drop(slot: number, state: SlotState): number {
    const { word } = this.columns;
    for (;;) {
      const old = Atomics.load(word, slot);
      const next = nextGeneration(old, state);
      if (Atomics.compareExchange(word, slot, old, next) === old) return next;
    }
  }

  /** Only if nothing but verification happened since `generation`. */
  dropIf(slot: number, generation: number, state: SlotState): boolean {
    const old = Atomics.load(this.columns.word, slot);
    if (withState(old, slotState.absent) !== generation) return false;
    return Atomics.compareExchange(this.columns.word, slot, old, nextGeneration(old, state)) === old;
  }

  markVerified(slot: number, generation: number): void {
    const present = withState(generation, slotState.present);
    Atomics.compareExchange(this.columns.word, slot, present, withState(generation, slotState.verified));
  }

  /** What points into the segment at `place` is verified again before its next use. */
  distrust(place: number): void {
    const { word } = this.columns;
    for (const slot of this.pointingTo(place)) {
      const old = Atomics.load(word, slot);
      if (stateOf(old) === slotState.verified) {
        Atomics.compareExchange(word, slot, old, nextGeneration(old, slotState.present));
      }
    }
  }

  /** Every slot whose chunk is there. A walk over all slots: a millisecond for a few hundred thousand. */
  *occupied(): Generator<number> {
    for (let slot = 0; slot < this.#high; slot++) {
      if (this.isThere(slot)) yield slot;
    }
  }

  /** Every slot that points into the segment at `place`. */
  *pointingTo(place: number): Generator<number> {
    const { segment } = this.columns;
    for (const slot of this.occupied()) {
      if (segment[slot] === place) yield slot;
    }
  }

  #takeFree(): number {
    const slot = this.#free.pop() ?? this.#high;
    if (slot >= this.#maxSlots) {
      throw new TooManyChunksError(
        `chunk store: the mounted disks have more than ${this.#maxSlots} distinct chunks; unmount one, or raise the number of slots`,
      );
    }
    if (slot === this.#high) this.#high++;
    if (slot >= this.#references.length) {
      const wider = new Uint32Array(this.#references.length * 2);
      wider.set(this.#references);
      this.#references = wider;
    }
    return slot;
  }
}
