import { type Digest, hashOfDigest } from "@sluice/oci/content";
import PQueue from "p-queue";
import { appendRecords, type NewRecord, recordsBytes } from "./append-records.js";
import type { VerifiedChunk } from "./chunk-source.js";
import type { PutOutcome } from "./chunk-store.js";
import type { Evictor } from "./evictor.js";
import { forgetUnsynced, hideUnsynced } from "./forget-unsynced.js";
import { isIndexed, reindex } from "./reindex.js";
import type { Segment } from "./segment.js";
import { recordBytes } from "./segment-format.js";
import { SegmentSyncer } from "./segment-syncer.js";
import { isDiskFailure } from "./store-health.js";
import type { StoreParts } from "./store-parts.js";

/** Chunks written with one system call and one index batch, at most. Bytes. */
const batchBytes = 8 * 1024 * 1024;

interface Waiting extends NewRecord {
  readonly key: Digest;
  readonly result: Promise<PutOutcome>;
  readonly settle: (outcome: PutOutcome) => void;
  readonly fail: (error: unknown) => void;
}

/** The one lane in which a store is changed. Puts that arrive while one is written go together in the next batch. */
export class AppendLane {
  readonly #parts: StoreParts;
  readonly #evictor: Evictor;
  readonly #lane: PQueue = new PQueue({ concurrency: 1 });
  readonly #waiting: Map<Digest, Waiting> = new Map();
  readonly #syncer: SegmentSyncer;
  #active: Segment | undefined;
  /** The active segment was begun, and what it may grow to was not given up elsewhere yet. */
  #owesRoom = false;
  #draining = false;
  #isClosed = false;

  /** @param active the segment to go on appending to, if there is one with room */
  constructor(parts: StoreParts, evictor: Evictor, active: Segment | undefined) {
    this.#parts = parts;
    this.#evictor = evictor;
    this.#active = active;
    this.#syncer = new SegmentSyncer({
      onSynced: () => parts.health.synced(),
      onLost: (segment, error) => this.#lose(segment, error),
    });
    for (const segment of parts.segments.live) this.#syncer.appended(segment, segment !== active);
  }

  /** The bytes of a chunk that is about to be written, for as long as it is. */
  pending(id: Digest): Uint8Array | undefined {
    return this.#waiting.get(id)?.bytes;
  }

  /** Joins a put of the same chunk under way. */
  put(chunk: VerifiedChunk): Promise<PutOutcome> {
    const same = this.#waiting.get(chunk.id);
    if (same !== undefined) return same.result.then((outcome) => (outcome === "stored" ? "present" : outcome));
    if (this.#parts.health.isResting) return Promise.resolve(this.#notStored());
    return this.#enqueue(chunk);
  }

  /** Runs alone in the lane. */
  exclusive<T>(task: () => Promise<T>): Promise<T> {
    return this.#lane.add(async () => {
      try {
        return await task();
      } finally {
        if (this.#active !== undefined) this.#syncer.appended(this.#active);
      }
    });
  }

  /**
   * Where to move so many bytes of records. May take the store over its budget, until the next put or until what is moved is given up. Only inside
   * the lane.
   */
  async segmentFor(bytes: number): Promise<Segment> {
    const active = this.#active;
    return active !== undefined && this.#fits(active, bytes) ? active : await this.#beginSegment();
  }

  /** Appends nothing more to the active segment if `isUnwanted`. Only inside the lane. @returns it, if it stays the active one */
  async sealIf(isUnwanted: (segment: Segment) => Promise<boolean>): Promise<Segment | undefined> {
    if (this.#active !== undefined && (await isUnwanted(this.#active))) await this.#seal();
    return this.#active;
  }

  /** After this nothing is appended any more. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#lane.onIdle();
    await this.#lane.add(() => this.#seal());
    await this.#syncer.close();
  }

  #enqueue(chunk: VerifiedChunk): Promise<PutOutcome> {
    let settle: (outcome: PutOutcome) => void = () => undefined;
    let fail: (error: unknown) => void = () => undefined;
    const result = new Promise<PutOutcome>((resolve, reject) => {
      settle = resolve;
      fail = reject;
    });
    const id = hashOfDigest(chunk.id);
    this.#waiting.set(chunk.id, { key: chunk.id, id, bytes: chunk.bytes, result, settle, fail });
    if (!this.#draining) {
      this.#draining = true;
      void this.exclusive(() => this.#drain());
    }
    return result;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch = this.#nextBatch(batchBytes);
      try {
        if (this.#parts.health.isIndexSuspect) await this.#repairIndex();
        for (const part of await this.#write(batch)) this.#finish(part, "stored");
        this.#parts.health.recover();
      } catch (error) {
        if (isDiskFailure(error)) {
          this.#parts.health.degrade(error);
          this.#giveUp();
        } else {
          this.#reject(batch, error);
        }
      }
    }
    this.#draining = false;
  }

  /** A failed database that opens again may have lost anything. */
  async #repairIndex(): Promise<void> {
    await this.#parts.index.reopen();
    for (const segment of this.#parts.segments.live) {
      if (!(await isIndexed(this.#parts, segment))) await reindex(this.#parts, segment, segment !== this.#active);
    }
  }

  /** Compares index and segments, one at a time between the puts, and mends what the index has lost. */
  async audit(): Promise<void> {
    for (const segment of this.#parts.segments.live) {
      await this.exclusive(async () => {
        if (this.#isClosed || segment.retired || (await isIndexed(this.#parts, segment))) return;
        if (!this.#parts.health.isIndexSuspect) return await reindex(this.#parts, segment, segment !== this.#active);
        await this.#repairIndex();
        this.#parts.health.recover();
      }).catch((error: unknown) => {
        if (!isDiskFailure(error)) throw error;
        this.#parts.health.degrade(error);
      });
    }
  }

  /** Writes as many as fit into the active segment, at least one. @returns those */
  async #write(batch: readonly Waiting[]): Promise<readonly Waiting[]> {
    const first = batch[0];
    if (first === undefined) return [];
    const active = await this.#withRoomFor(recordBytes(first.bytes.byteLength));
    let room = this.#parts.segmentBytes - active.sizeBytes;
    const fitting: Waiting[] = [];
    for (const waiting of batch) {
      room -= recordBytes(waiting.bytes.byteLength);
      if (room < 0) break;
      fitting.push(waiting);
    }
    await this.#evictor.waitForRoom(recordsBytes(fitting));
    await appendRecords(this.#parts, active, fitting);
    this.#syncer.appended(active);
    return fitting;
  }

  async #withRoomFor(bytes: number): Promise<Segment> {
    const active =
      this.#active !== undefined && this.#fits(this.#active, bytes) ? this.#active : await this.#beginSegment();
    if (this.#owesRoom) {
      await this.#evictor.makeRoom(active);
      this.#owesRoom = false;
    }
    return active;
  }

  #fits(segment: Segment, bytes: number): boolean {
    return segment.sizeBytes + bytes <= this.#parts.segmentBytes;
  }

  /** Seals what is being appended to and begins a new, empty segment. */
  async #beginSegment(): Promise<Segment> {
    const { segments, index } = this.#parts;
    await this.#seal();
    const begun = await segments.create();
    this.#active = begun;
    this.#owesRoom = true;
    await index.note({ number: begun.number, sealed: false, bytes: 0, chunks: 0 });
    return begun;
  }

  async #seal(): Promise<void> {
    const full = this.#active;
    if (full === undefined) return;
    this.#active = undefined;
    this.#syncer.appended(full, true);
    await this.#parts.index.note({ number: full.number, sealed: true, bytes: full.sizeBytes, chunks: full.chunks });
  }

  /** The disk did not take what the system had taken for it. Readers stop finding it before anything else happens. */
  async #lose(segment: Segment, error: unknown): Promise<void> {
    hideUnsynced(this.#parts, segment);
    this.#parts.health.degradeUntilSynced(error, segment.path);
    await this.#lane.add(async () => {
      if (segment.retired) return;
      if (this.#active === segment) this.#active = undefined;
      if (segment.syncedBytes === 0) await this.#evictor.retire(segment);
      else await forgetUnsynced(this.#parts, segment);
    });
  }

  #nextBatch(limitBytes: number): Waiting[] {
    const batch: Waiting[] = [];
    let bytes = 0;
    for (const waiting of this.#waiting.values()) {
      bytes += waiting.bytes.byteLength;
      if (batch.length > 0 && bytes > limitBytes) break;
      batch.push(waiting);
    }
    return batch;
  }

  #finish(waiting: Waiting, outcome: PutOutcome): void {
    this.#waiting.delete(waiting.key);
    waiting.settle(outcome);
  }

  #giveUp(): void {
    for (const waiting of [...this.#waiting.values()]) this.#finish(waiting, this.#notStored());
  }

  #reject(batch: readonly Waiting[], error: unknown): void {
    for (const waiting of batch) {
      this.#waiting.delete(waiting.key);
      waiting.fail(error);
    }
  }

  #notStored(): PutOutcome {
    this.#parts.health.notStored++;
    return "not-stored";
  }
}
