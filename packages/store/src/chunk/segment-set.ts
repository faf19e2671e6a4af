import { type FileHandle, mkdir, open, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { Segment } from "./segment.js";
import { encodeSegmentHeader, segmentHeaderBytes } from "./segment-format.js";
import { maxOpenSegments, type StoreShared } from "./store-shared.js";

/** The open segment files of a store, and the table of descriptors that its readers share. Knows no chunks. */
export class SegmentSet {
  readonly #folder: string;
  readonly #fds: Int32Array;
  readonly #clock: Int32Array;
  readonly #byNumber: Map<number, Segment> = new Map();
  readonly #byPlace: (Segment | undefined)[] = [];
  #nextNumber = 1;

  constructor(folder: string, shared: StoreShared) {
    this.#folder = folder;
    this.#fds = new Int32Array(shared.segmentFds);
    this.#clock = new Int32Array(shared.clock);
  }

  /** Those that may be pointed to, oldest first. */
  get live(): Segment[] {
    return [...this.#byNumber.values()].filter((segment) => !segment.retired);
  }

  /** Of all files, retired ones included until they are unlinked. Bytes. */
  get bytes(): number {
    let sum = 0;
    for (const segment of this.#byNumber.values()) sum += segment.sizeBytes;
    return sum;
  }

  /** Undefined if there is none, or if it is on its way out. */
  byNumber(number: number): Segment | undefined {
    const segment = this.#byNumber.get(number);
    return segment?.retired ? undefined : segment;
  }

  byPlace(place: number): Segment | undefined {
    const segment = this.#byPlace[place];
    return segment?.retired ? undefined : segment;
  }

  /** Numbers of the segment files in the folder, rising. Creates the folder. */
  async list(): Promise<number[]> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const names = await readdir(this.#folder);
    return names
      .filter((name) => /^[0-9a-f]{8}\.seg$/.test(name))
      .map((name) => Number.parseInt(name, 16))
      .sort((a, b) => a - b);
  }

  path(number: number): string {
    return join(this.#folder, `${number.toString(16).padStart(8, "0")}.seg`);
  }

  /** Takes in a file that is there, of which nobody knows what the disk has: the life that wrote it may have ended before its sync. The file handle passes to the set. */
  adopt(number: number, file: FileHandle, sizeBytes: number, chunks: number): Segment {
    this.#nextNumber = Math.max(this.#nextNumber, number + 1);
    return this.#add(number, file, sizeBytes, chunks);
  }

  /** Numbers below are never used again, even if their files are gone. */
  skipNumbersTo(number: number): void {
    this.#nextNumber = Math.max(this.#nextNumber, number);
  }

  /** Begins a new segment, and a new tick of the clock. Leaves nothing behind if it cannot. */
  async create(): Promise<Segment> {
    const number = this.#nextNumber;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 }); // somebody may have deleted it
    const file = await open(this.path(number), "wx+", 0o600);
    try {
      await file.write(encodeSegmentHeader(number), 0, segmentHeaderBytes, 0);
    } catch (error) {
      await file.close();
      await unlink(this.path(number)).catch(() => undefined); // a number is never used for two files of one life
      this.#nextNumber++;
      throw error;
    }
    this.#nextNumber++;
    Atomics.add(this.#clock, 0, 1);
    return this.#add(number, file, segmentHeaderBytes, 0);
  }

  /** Closes and unlinks. Only when no reader can be inside the segment any more. */
  async destroy(segment: Segment): Promise<void> {
    segment.retired = true;
    this.#byNumber.delete(segment.number);
    this.#byPlace[segment.place] = undefined;
    Atomics.store(this.#fds, segment.place, -1);
    await segment.file.close();
    await unlink(segment.path);
  }

  /** Closes all files and keeps them. */
  async close(): Promise<void> {
    for (const segment of this.#byNumber.values()) {
      Atomics.store(this.#fds, segment.place, -1);
      await segment.file.close().catch(() => undefined); // what it could not write was reported by its sync
    }
    this.#byNumber.clear();
    this.#byPlace.length = 0;
  }

  #add(number: number, file: FileHandle, sizeBytes: number, chunks: number): Segment {
    const place = this.#freePlace();
    const birth = this.#clock[0] ?? 0;
    const path = this.path(number);
    const segment = new Segment({ number, place, path, file, birth, sizeBytes, syncedBytes: 0, chunks });
    this.#byNumber.set(number, segment);
    this.#byPlace[place] = segment;
    Atomics.store(this.#fds, place, file.fd);
    return segment;
  }

  #freePlace(): number {
    for (let place = 0; place < maxOpenSegments; place++) {
      if (this.#byPlace[place] === undefined) return place;
    }
    throw new RangeError(`chunk store ${this.#folder}: more than ${maxOpenSegments} segment files`);
  }
}
