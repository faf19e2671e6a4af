import { type Digest, hashOfDigest } from "@sluice/oci/content";
import PQueue from "p-queue";
import { appendRecords, type NewRecord } from "./append-records.js";
import type { VerifiedChunk } from "./chunk-source.js";
import type { PutOutcome } from "./chunk-store.js";
import type { Evictor } from "./evictor.js";
import type { Segment } from "./segment.js";
import { recordBytes } from "./segment-format.js";
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
  #active: Segment | undefined;
  #draining = false;

  /** @param active the segment to go on appending to, if there is one with room */
  constructor(parts: StoreParts, evictor: Evictor, active: Segment | undefined) {
    this.#parts = parts;
    this.#evictor = evictor;
    this.#active = active;
  }

  /** The bytes of a chunk that is about to be written. */
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
    return this.#lane.add(task);
  }

  /** Seals what is being appended to and begins a new, empty segment. Only inside the lane. */
  async beginSegment(): Promise<Segment> {
    const { segments, index } = this.#parts;
    await this.#seal();
    const begun = await segments.create();
    this.#active = begun;
    await index.note({ number: begun.number, sealed: false, bytes: 0, chunks: 0 });
    return begun;
  }

  /** After this nothing is appended any more. */
  async close(): Promise<void> {
    await this.#lane.onIdle();
    await this.#lane.add(() => this.#seal());
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
      void this.#lane.add(() => this.#drain());
    }
    return result;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch = this.#nextBatch(batchBytes);
      try {
        if (this.#parts.health.degraded !== undefined) await this.#parts.index.reopen();
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

  /** Writes as many as fit into the active segment, at least one. @returns those */
  async #write(batch: readonly Waiting[]): Promise<readonly Waiting[]> {
    const first = batch[0];
    if (first === undefined) return [];
    const active = await this.#withRoomFor(recordBytes(first.bytes.byteLength));
    await this.#evictor.waitForRoom();
    let room = this.#parts.segmentBytes - active.sizeBytes;
    const fitting: Waiting[] = [];
    for (const waiting of batch) {
      room -= recordBytes(waiting.bytes.byteLength);
      if (room < 0) break;
      fitting.push(waiting);
    }
    await appendRecords(this.#parts, active, fitting);
    return fitting;
  }

  async #withRoomFor(bytes: number): Promise<Segment> {
    if (this.#active !== undefined && this.#active.sizeBytes + bytes <= this.#parts.segmentBytes) return this.#active;
    const begun = await this.beginSegment();
    await this.#evictor.makeRoom(begun);
    return begun;
  }

  async #seal(): Promise<void> {
    const full = this.#active;
    if (full === undefined) return;
    this.#active = undefined;
    await this.#parts.index.note({ number: full.number, sealed: true, bytes: full.sizeBytes, chunks: full.chunks });
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
