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

const placeKeyBytes = 9;
const segmentKeyBytes = 5;
const locationBytes = 12;
const chunkValueBytes = 36;
const noteBytes = 13;

// The first byte of a key tells its kind. Numbers in keys are big-endian, so that they sort.
const byId = 1; //     + 32 id                     → 4 segment, 4 offset, 4 length
const byPlace = 2; //  + 4 segment, 4 offset       → 32 id, 4 length
const bySegment = 3; // + 4 segment                → 1 sealed, 4 chunks, 8 bytes

/**
 * The index of a chunk store in a level database. A cache of what the segments say: it may be lost, and be behind them; what it says is
 * checked before the bytes are used. Written without fsync. Not safe for concurrent writers: the store writes from one lane.
 *
 * Its disk may fail at any time. Then it gives nothing and tells `onFailure`; only {@link add} and {@link reopen} throw.
 */
export class ChunkIndex {
  readonly #folder: string;
  readonly #db: Database;
  readonly #onFailure: (error: unknown) => void;
  #ready: Promise<void> = Promise.resolve();
  /** What is on the disk is damaged, and opening it again does not help. */
  #isDamaged = false;

  private constructor(folder: string, db: Database, onFailure: (error: unknown) => void) {
    this.#folder = folder;
    this.#db = db;
    this.#onFailure = onFailure;
  }

  /**
   * A damaged index is thrown away: the segments give it back.
   *
   * @param onFailure the database could not be read, or did not take what it was told
   * @throws {StoreLockedError} if another process has it
   */
  static async open(folder: string, onFailure: (error: unknown) => void): Promise<ChunkIndex> {
    const db: Database = new Level<View, View>(folder, { keyEncoding: "view", valueEncoding: "view" });
    const index = new ChunkIndex(folder, db, onFailure);
    await index.#open();
    return index;
  }

  /** Whole and readable, or new and empty. */
  async #open(): Promise<void> {
    try {
      await this.#db.open();
      await this.segments();
    } catch (error) {
      const codes = codesOf(error);
      if (codes.includes("LEVEL_LOCKED")) throw new StoreLockedError(this.#folder, { cause: error });
      if (!isIndexFailure(error)) throw error;
      await this.#db.close();
      await this.#openNew();
    }
  }

  async #openNew(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
    await this.#db.open();
    this.#isDamaged = false;
  }

  /** In the order of `ids`; undefined where the index knows nothing. Undefined for all of them when it could not be read: that says nothing of the chunks. */
  async find(ids: readonly Uint8Array[]): Promise<readonly (ChunkLocation | undefined)[] | undefined> {
    await this.#ready;
    try {
      const values = await this.#db.getMany(ids.map(idKey));
      return values.map((value) => value && decodeLocation(value));
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /** @throws an error whose code begins with `LEVEL_` if the database takes nothing; then it knows none of them */
  async add(chunks: readonly IndexedChunk[]): Promise<void> {
    const operations: Operation[] = [];
    for (const chunk of chunks) {
      operations.push({ type: "put", key: idKey(chunk.id), value: encodeLocation(chunk) });
      operations.push({ type: "put", key: placeKey(chunk.segment, chunk.offset), value: encodeChunk(chunk) });
    }
    try {
      await this.#db.batch(operations);
    } catch (error) {
      this.#note(error);
      throw error;
    }
  }

  /** Forgets these chunks where the index still has them at these places. */
  async remove(chunks: readonly IndexedChunk[]): Promise<void> {
    const current = await this.find(chunks.map((chunk) => chunk.id));
    const operations: Operation[] = [];
    chunks.forEach((chunk, i) => {
      operations.push({ type: "del", key: placeKey(chunk.segment, chunk.offset) });
      const now = current?.[i];
      if (now?.segment === chunk.segment && now.offset === chunk.offset) {
        operations.push({ type: "del", key: idKey(chunk.id) });
      }
    });
    await this.#try(() => this.#db.batch(operations));
  }

  /** Whether {@link chunksOf} gives this chunk, at this place. */
  async lists(chunk: IndexedChunk): Promise<boolean> {
    await this.#ready;
    try {
      const value = await this.#db.get(placeKey(chunk.segment, chunk.offset));
      return value?.length === chunkValueBytes && bufferOf(value).compare(chunk.id, 0, 32, 0, 32) === 0;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  /** The chunks of a segment, by offset. A chunk that was stored again elsewhere may still be listed here. */
  async *chunksOf(segment: number): AsyncGenerator<IndexedChunk> {
    await this.#ready;
    const range = { gte: placeKey(segment, 0), lte: placeKey(segment, 0xffff_ffff) };
    try {
      for await (const [key, value] of this.#db.iterator(range)) {
        if (key.length !== placeKeyBytes || value.length !== chunkValueBytes) continue;
        const lengthBytes = bufferOf(value).readUInt32BE(32);
        yield { id: value.subarray(0, 32), segment, offset: bufferOf(key).readUInt32BE(5), lengthBytes };
      }
    } catch (error) {
      this.#failed(error);
    }
  }

  /** How many chunks of a segment it lists, and finds by their ids. */
  async count(segment: number): Promise<number> {
    let found = 0;
    let ids: Uint8Array[] = [];
    const look = async (): Promise<void> => {
      for (const location of (await this.find(ids)) ?? []) found += location === undefined ? 0 : 1;
      ids = [];
    };
    for await (const { id } of this.chunksOf(segment)) {
      ids.push(id);
      if (ids.length === 1000) await look();
    }
    await look();
    return found;
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
    await this.#try(() => this.#db.del(segmentKey(segment)));
  }

  async note(segment: SegmentNote): Promise<void> {
    const value = Buffer.alloc(noteBytes);
    value.writeUInt8(segment.sealed ? 1 : 0, 0);
    value.writeUInt32BE(segment.chunks, 1);
    value.writeBigUInt64BE(BigInt(segment.bytes), 5);
    await this.#try(() => this.#db.put(segmentKey(segment.number), value));
  }

  /** @throws if the database cannot be read */
  async segments(): Promise<SegmentNote[]> {
    const notes: SegmentNote[] = [];
    for await (const [key, view] of this.#db.iterator({ gte: segmentKey(0), lte: segmentKey(0xffff_ffff) })) {
      const value = bufferOf(view);
      if (key.length !== segmentKeyBytes || value.length !== noteBytes) continue;
      notes.push({
        number: bufferOf(key).readUInt32BE(1),
        sealed: value.readUInt8(0) === 1,
        chunks: value.readUInt32BE(1),
        bytes: Number(value.readBigUInt64BE(5)),
      });
    }
    return notes;
  }

  /**
   * LevelDB refuses every write after one failed, until it is opened again. Lookups wait meanwhile. What it has lost by then, it does not know: compare it with
   * the segments.
   *
   * @throws if the disk still fails; to be called again then
   */
  async reopen(): Promise<void> {
    const reopened = this.#db.close().then(() => (this.#isDamaged ? this.#openNew() : this.#open()));
    this.#ready = reopened.catch(() => undefined);
    await reopened;
  }

  /** Never throws for its disk: what it did not write, the segments say. */
  async close(): Promise<void> {
    await this.#try(() => this.#db.close());
  }

  async #try(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (!isIndexFailure(error)) throw error;
    this.#note(error);
    this.#onFailure(error);
  }

  #note(error: unknown): void {
    if (codesOf(error).includes("LEVEL_CORRUPTION")) this.#isDamaged = true;
  }
}

const codesOf = (error: unknown): readonly string[] => {
  const codes: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    if ("code" in at && typeof at.code === "string") codes.push(at.code);
  }
  return codes;
};

/** Whether the database, or the disk below it, failed, and not the program. */
export const isIndexFailure = (error: unknown): boolean => codesOf(error).some((code) => code.startsWith("LEVEL_"));

const bufferOf = (view: Uint8Array): Buffer => Buffer.from(view.buffer, view.byteOffset, view.byteLength);

function idKey(id: Uint8Array): Uint8Array {
  const key = Buffer.alloc(33);
  key[0] = byId;
  key.set(id, 1);
  return key;
}

function placeKey(segment: number, offset: number): Uint8Array {
  const key = Buffer.alloc(placeKeyBytes);
  key[0] = byPlace;
  key.writeUInt32BE(segment, 1);
  key.writeUInt32BE(offset, 5);
  return key;
}

function segmentKey(segment: number): Uint8Array {
  const key = Buffer.alloc(segmentKeyBytes);
  key[0] = bySegment;
  key.writeUInt32BE(segment, 1);
  return key;
}

function encodeLocation(location: ChunkLocation): Uint8Array {
  const value = Buffer.alloc(locationBytes);
  value.writeUInt32BE(location.segment, 0);
  value.writeUInt32BE(location.offset, 4);
  value.writeUInt32BE(location.lengthBytes, 8);
  return value;
}

/** Undefined if it is none: LevelDB does not check what it reads. */
function decodeLocation(view: Uint8Array): ChunkLocation | undefined {
  if (view.length !== locationBytes) return undefined;
  const value = bufferOf(view);
  return { segment: value.readUInt32BE(0), offset: value.readUInt32BE(4), lengthBytes: value.readUInt32BE(8) };
}

function encodeChunk(chunk: IndexedChunk): Uint8Array {
  const value = Buffer.alloc(chunkValueBytes);
  value.set(chunk.id, 0);
  value.writeUInt32BE(chunk.lengthBytes, 32);
  return value;
}
