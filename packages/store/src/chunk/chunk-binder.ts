import type { AbortOptions } from "@sluice/oci/content";
import type { ChunkBinding } from "./chunk-store.js";
import { recordHeaderBytes } from "./segment-format.js";
import { slotState } from "./slot-word.js";
import type { StoreParts } from "./store-parts.js";
import { maxStoredChunkBytes } from "./store-shared.js";

/** Chunks looked up in the index with one call. */
const lookupBatch = 1024;

/** See {@link ChunkStore.bind}. */
export async function bindChunks(
  parts: StoreParts,
  ids: Uint8Array,
  lengths: Uint32Array,
  options?: AbortOptions,
): Promise<ChunkBinding> {
  options?.signal?.throwIfAborted();
  checkClaims(ids, lengths);
  const slots = new Int32Array(new SharedArrayBuffer(lengths.length * 4)).fill(-1);
  const binding = new Binding(parts, slots);
  try {
    const fresh = acquireSlots(parts, ids, slots);
    for (let from = 0; from < fresh.length; from += lookupBatch) {
      await lookUp(parts, fresh.slice(from, from + lookupBatch));
      options?.signal?.throwIfAborted();
    }
    return binding;
  } catch (error) {
    await binding.close();
    throw error;
  }
}

function checkClaims(ids: Uint8Array, lengths: Uint32Array): void {
  if (ids.length !== lengths.length * 32) {
    throw new RangeError(`bind: ${ids.length} bytes of ids for ${lengths.length} chunks, wanted 32 each`);
  }
  for (let i = 0; i < lengths.length; i++) {
    const length = lengths[i] ?? 0;
    if (!isZeroChunk(ids, i) && (length < 1 || length > maxStoredChunkBytes)) {
      throw new RangeError(`bind: chunk ${i} of ${length} bytes, wanted 1 to ${maxStoredChunkBytes}`);
    }
  }
}

/** Fills `slots`. @returns the slots that nobody used before */
function acquireSlots(parts: StoreParts, ids: Uint8Array, slots: Int32Array): number[] {
  const fresh: number[] = [];
  for (let i = 0; i < slots.length; i++) {
    if (isZeroChunk(ids, i)) continue;
    const slot = parts.slots.acquire(ids, i * 32);
    slots[i] = slot;
    if (parts.slots.references(slot) === 1) fresh.push(slot);
  }
  return fresh;
}

/**
 * Points the slots at what the index knows, unless something newer happened to them meanwhile. When it cannot be read they stay unknown: it is asked again about each
 * one that is used.
 */
async function lookUp(parts: StoreParts, fresh: readonly number[]): Promise<void> {
  const { slots, index, segments } = parts;
  const generations = fresh.map((slot) => slots.generation(slot));
  const locations = await index.find(fresh.map((slot) => slots.columns.id.slice(slot * 32, slot * 32 + 32)));
  if (locations === undefined) return;
  fresh.forEach((slot, i) => {
    if (slots.generation(slot) !== generations[i]) return;
    slots.setKnown(slot);
    const location = locations[i];
    if (location === undefined) return;
    const segment = segments.byNumber(location.segment);
    if (segment === undefined) return;
    const payloadOffset = location.offset + recordHeaderBytes;
    if (location.lengthBytes > maxStoredChunkBytes || payloadOffset + location.lengthBytes > segment.sizeBytes) return;
    slots.publish(slot, { place: segment.place, payloadOffset, lengthBytes: location.lengthBytes }, slotState.present);
  });
}

function isZeroChunk(ids: Uint8Array, chunk: number): boolean {
  for (let i = chunk * 32; i < chunk * 32 + 32; i++) {
    if (ids[i] !== 0) return false;
  }
  return true;
}

class Binding implements ChunkBinding {
  readonly slots: Int32Array;
  readonly #parts: StoreParts;
  #closed = false;

  constructor(parts: StoreParts, slots: Int32Array) {
    this.#parts = parts;
    this.slots = slots;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const freed: number[] = [];
    for (const slot of this.slots) {
      if (slot >= 0 && this.#parts.slots.release(slot)) freed.push(slot);
    }
    await this.#parts.readers.quiesce();
    this.#parts.slots.recycle(freed);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
