import { rm } from "node:fs/promises";
import { type BatchOperation, Level } from "level";
import { StoreLockedError } from "./store-errors.js";

/** Where a chunk lies: `offset` is that of its record header. Bytes. */
export interface ChunkLocation {
  readonly segment: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

export interface IndexedChunk extends ChunkLocation {
  /** 32 raw bytes. */
  readonly id: Uint8Array;
}

/** What the index knows of a segment. An open one may hold records that the index does not know. */
export interface SegmentNote {
  readonly number: number;
  readonly sealed: boolean;
  /** Of a sealed segment's file; 0 while open. */
  readonly bytes: number;
  readonly chunks: number;
}

type View = Uint8Array<ArrayBufferLike>;
type Database = Level<View, View>;
type Operation = BatchOperation<Database, View, View>;

// The first byte of a key tells its kind. Numbers in keys are big-endian, so that they sort.
const byId = 1; //     + 32 id                     → 4 segment, 4 offset, 4 length
const byPlace = 2; //  + 4 segment, 4 offset       → 32 id, 4 length
const bySegment = 3; // + 4 segment                → 1 sealed, 4 chunks, 8 bytes

/**
 * The index of a chunk store in a level database. A cache of what the segments say: it may be lost, and be behind them; what it says is
 * checked before the bytes are used. Written without fsync. Not safe for concurrent writers: the store writes from one lane.
 */
export class ChunkIndex {
  readonly #db: Database;
  #ready: Promise<void> = Promise.resolve();

  private constructor(db: Database) {
    this.#db = db;
  }

  /**
   * A damaged index is thrown away: the segments give it back.
   *
   * @throws {StoreLockedError} if another process has it
   */
  static async open(folder: string): Promise<ChunkIndex> {
    const db: Database = new Level<View, View>(folder, { keyEncoding: "view", valueEncoding: "view" });
    try {
      await db.open();
    } catch (error) {
      const cause = error instanceof Error ? error.cause : undefined;
      const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
      if (code === "LEVEL_LOCKED") throw new StoreLockedError(folder, { cause: error });
      if (typeof code !== "string" || !code.startsWith("LEVEL_")) throw error;
      await rm(folder, { recursive: true, force: true });
      await db.open();
    }
    return new ChunkIndex(db);
  }

  /** Undefined where the index knows nothing; in the order of `ids`. */
  async find(ids: readonly Uint8Array[]): Promise<(ChunkLocation | undefined)[]> {
    await this.#ready;
    const values = await this.#db.getMany(ids.map(idKey));
    return values.map((value) => value && decodeLocation(value));
  }

  async add(chunks: readonly IndexedChunk[]): Promise<void> {
    const operations: Operation[] = [];
    for (const chunk of chunks) {
      operations.push({ type: "put", key: idKey(chunk.id), value: encodeLocation(chunk) });
      operations.push({ type: "put", key: placeKey(chunk.segment, chunk.offset), value: encodeChunk(chunk) });
    }
    await this.#db.batch(operations);
  }

  /** Forgets these chunks where the index still has them at these places. */
  async remove(chunks: readonly IndexedChunk[]): Promise<void> {
    const current = await this.find(chunks.map((chunk) => chunk.id));
    const operations: Operation[] = [];
    chunks.forEach((chunk, i) => {
      operations.push({ type: "del", key: placeKey(chunk.segment, chunk.offset) });
      const now = current[i];
      if (now?.segment === chunk.segment && now.offset === chunk.offset) {
        operations.push({ type: "del", key: idKey(chunk.id) });
      }
    });
    await this.#db.batch(operations);
  }

  /** The chunks of a segment, by offset. A chunk that was stored again elsewhere may still be listed here. */
  async *chunksOf(segment: number): AsyncGenerator<IndexedChunk> {
    const range = { gte: placeKey(segment, 0), lte: placeKey(segment, 0xffff_ffff) };
    for await (const [key, value] of this.#db.iterator(range)) {
      const lengthBytes = bufferOf(value).readUInt32BE(32);
      yield { id: value.subarray(0, 32), segment, offset: bufferOf(key).readUInt32BE(5), lengthBytes };
    }
  }

  /** Forgets a segment and every chunk that the index has there. */
  async removeSegment(segment: number): Promise<void> {
    let batch: IndexedChunk[] = [];
    for await (const chunk of this.chunksOf(segment)) {
      batch.push(chunk);
      if (batch.length < 1000) continue;
      await this.remove(batch);
      batch = [];
    }
    await this.remove(batch);
    await this.#db.del(segmentKey(segment));
  }

  async note(segment: SegmentNote): Promise<void> {
    const value = Buffer.alloc(13);
    value.writeUInt8(segment.sealed ? 1 : 0, 0);
    value.writeUInt32BE(segment.chunks, 1);
    value.writeBigUInt64BE(BigInt(segment.bytes), 5);
    await this.#db.put(segmentKey(segment.number), value);
  }

  async segments(): Promise<SegmentNote[]> {
    const notes: SegmentNote[] = [];
    for await (const [key, view] of this.#db.iterator({ gte: segmentKey(0), lte: segmentKey(0xffff_ffff) })) {
      const value = bufferOf(view);
      notes.push({
        number: bufferOf(key).readUInt32BE(1),
        sealed: value.readUInt8(0) === 1,
        chunks: value.readUInt32BE(1),
        bytes: Number(value.readBigUInt64BE(5)),
      });
    }
    return notes;
  }

  /** LevelDB refuses every write after one failed, until it is opened again. Lookups wait meanwhile. */
  async reopen(): Promise<void> {
    const reopened = this.#db.close().then(() => this.#db.open());
    this.#ready = reopened.catch(() => undefined);
    await reopened;
  }

  close(): Promise<void> {
    return this.#db.close();
  }
}

const bufferOf = (view: Uint8Array): Buffer => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

function idKey(id: Uint8Array): Uint8Array {
  const key = Buffer.alloc(33);
  key[0] = byId;
  key.set(id, 1);
  return key;
}

function placeKey(segment: number, offset: number): Uint8Array {
  const key = Buffer.alloc(9);
  key[0] = byPlace;
  key.writeUInt32BE(segment, 1);
  key.writeUInt32BE(offset, 5);
  return key;
}

function segmentKey(segment: number): Uint8Array {
  const key = Buffer.alloc(5);
  key[0] = bySegment;
  key.writeUInt32BE(segment, 1);
  return key;
}

function encodeLocation(location: ChunkLocation): Uint8Array {
  const value = Buffer.alloc(12);
  value.writeUInt32BE(location.segment, 0);
  value.writeUInt32BE(location.offset, 4);
  value.writeUInt32BE(location.lengthBytes, 8);
  return value;
}

function decodeLocation(view: Uint8Array): ChunkLocation {
  const value = bufferOf(view);
  return { segment: value.readUInt32BE(0), offset: value.readUInt32BE(4), lengthBytes: value.readUInt32BE(8) };
}

function encodeChunk(chunk: IndexedChunk): Uint8Array {
  const value = Buffer.alloc(36);
  value.set(chunk.id, 0);
  value.writeUInt32BE(chunk.lengthBytes, 32);
  return value;
}
