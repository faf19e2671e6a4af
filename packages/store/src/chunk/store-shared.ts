/**
 * What the owner of a chunk store and its worker threads share: plain buffers, to be posted to a worker as they are. All of it lies in
 * pages that take no memory until they are used.
 */
export interface StoreShared {
  /** Columns of one row per slot; see {@link SlotColumns}. */
  readonly slots: SharedArrayBuffer;
  readonly maxSlots: number;
  /** File descriptor of each open segment by its place in the table, −1 when free. Threads of a process share descriptors. */
  readonly segmentFds: SharedArrayBuffer;
  /** 128 bytes per reader; see {@link ReaderView}. */
  readonly readers: SharedArrayBuffer;
  /** One Int32: the clock that stamps last use. Ticks when a segment is full, so age is measured in bytes written. */
  readonly clock: SharedArrayBuffer;
}

/** Longest chunk a store takes: 1 MiB. Bytes. docs/format.md §1 */
export const maxStoredChunkBytes: number = 1024 * 1024;
/** Segments open at once. With at least 4 MiB a segment and one segment per 128th of the budget there are far fewer. */
export const maxOpenSegments = 16_384;
/** Worker threads that may read one store. */
export const maxReaders = 64;
/** Two cache lines per reader, so that no reader's counter slows its neighbour. Bytes. */
const readerStrideBytes = 128;

/** 4 each for word, segment, offset, length, lastUse, mark; 32 for the id. Bytes. */
const slotBytes = 6 * 4 + 32;

/** Row `i` of each column belongs to slot `i`. Written by the owner, but for `word`, `lastUse` and `mark`, which readers change too. */
export interface SlotColumns {
  /** See slot-word.ts. Only through Atomics. */
  readonly word: Int32Array;
  /** Place in {@link StoreShared.segmentFds}. */
  readonly segment: Int32Array;
  /** Of the chunk's bytes in the segment file. Bytes. */
  readonly offset: Uint32Array;
  /** Of the chunk. Bytes. */
  readonly length: Uint32Array;
  /** {@link StoreShared.clock} when the chunk was last read; approximate. */
  readonly lastUse: Int32Array;
  /** 1: the reader who hits it next says so once, through {@link SharedChunkReaderOptions.onMark}. */
  readonly mark: Int32Array;
  /** 32 bytes a slot. */
  readonly id: Uint8Array;
}

/** One reader's row. Only that reader writes; the owner reads. */
export interface ReaderView {
  /** [0] is odd while the reader is inside a read. Only through Atomics. */
  readonly passage: Int32Array;
  /** Hits, hit bytes, misses, verified chunks, damaged chunks. */
  readonly counters: Float64Array;
}

export const readerCounter = { hits: 0, hitBytes: 1, misses: 2, verified: 3, damaged: 4 } as const;

export function createStoreShared(maxSlots: number): StoreShared {
  const segmentFds = new SharedArrayBuffer(maxOpenSegments * 4);
  new Int32Array(segmentFds).fill(-1);
  return {
    slots: new SharedArrayBuffer(maxSlots * slotBytes),
    maxSlots,
    segmentFds,
    readers: new SharedArrayBuffer(maxReaders * readerStrideBytes),
    clock: new SharedArrayBuffer(4),
  };
}

export function slotColumns(shared: StoreShared): SlotColumns {
  const { slots, maxSlots } = shared;
  const at = (column: number): number => column * maxSlots * 4;
  return {
    word: new Int32Array(slots, at(0), maxSlots),
    segment: new Int32Array(slots, at(1), maxSlots),
    offset: new Uint32Array(slots, at(2), maxSlots),
    length: new Uint32Array(slots, at(3), maxSlots),
    lastUse: new Int32Array(slots, at(4), maxSlots),
    mark: new Int32Array(slots, at(5), maxSlots),
    id: new Uint8Array(slots, at(6), maxSlots * 32),
  };
}

/** @throws {RangeError} if there is no such reader */
export function readerView(shared: StoreShared, reader: number): ReaderView {
  if (!Number.isInteger(reader) || reader < 0 || reader >= maxReaders) {
    throw new RangeError(`chunk store: reader ${reader} is not one of ${maxReaders}`);
  }
  const at = reader * readerStrideBytes;
  return {
    passage: new Int32Array(shared.readers, at, 1),
    counters: new Float64Array(shared.readers, at + 64, 5), // its own cache line
  };
}
