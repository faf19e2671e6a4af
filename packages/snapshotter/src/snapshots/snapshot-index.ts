import { rm } from "node:fs/promises";
import { join } from "node:path";
import { LevelChanges, SteadyLevel } from "@sluice/store";
import PQueue from "p-queue";
import { notFound } from "./snapshot-error.js";
import { decodeRecord, encodeRecord, type SnapshotRecord } from "./snapshot-record.js";

/** What a change of the index puts and removes: all of it or nothing. */
export interface IndexChange {
  readonly put?: readonly SnapshotRecord[] | undefined;
  readonly remove?: readonly string[] | undefined;
}

const recordKey = (name: string): string => `snapshot/${name}`;
const lastIdKey = "last-id";

/**
 * The snapshots of a node: in memory, and in a level database that is synced before a change counts. There are as many as a node has layers and containers, so memory
 * holds them all.
 */
export class SnapshotIndex {
  readonly #level: SteadyLevel;
  readonly #records = new Map<string, SnapshotRecord>();
  /** How many are built on each. */
  readonly #children = new Map<string, number>();
  readonly #changes = new PQueue({ concurrency: 1 });
  #lastId = 0;

  private constructor(level: SteadyLevel) {
    this.#level = level;
  }

  /**
   * The caller holds the data root, so a lock that is there belongs to a process that was killed and can do nothing any more.
   *
   * @throws {Error} naming the folder when the database, or a record in it, cannot be read
   */
  static async open(folder: string): Promise<SnapshotIndex> {
    await rm(join(folder, "LOCK"), { force: true });
    let level: SteadyLevel | undefined;
    try {
      level = await SteadyLevel.open(folder);
      const index = new SnapshotIndex(level);
      await index.#load();
      return index;
    } catch (error) {
      await level?.[Symbol.asyncDispose]();
      throw new Error(`${folder}: the records of the snapshots cannot be read`, { cause: error });
    }
  }

  async close(): Promise<void> {
    await this.#changes.onIdle();
    await this.#level[Symbol.asyncDispose]();
  }

  get(name: string): SnapshotRecord | undefined {
    return this.#records.get(name);
  }

  /** @throws {SnapshotError} NOT_FOUND */
  must(name: string): SnapshotRecord {
    const record = this.#records.get(name);
    if (!record) throw notFound(name);
    return record;
  }

  all(): IterableIterator<SnapshotRecord> {
    return this.#records.values();
  }

  hasChildren(name: string): boolean {
    return this.#children.has(name);
  }

  /** What `record` is built on, the nearest first. @throws {SnapshotError} NOT_FOUND */
  chain(record: SnapshotRecord): SnapshotRecord[] {
    const chain: SnapshotRecord[] = [];
    for (let { parent } = record; parent !== ""; parent = (chain.at(-1) as SnapshotRecord).parent) {
      chain.push(this.must(parent));
    }
    return chain;
  }

  /** For a new snapshot; durable with the record that has it. */
  nextId(): number {
    return ++this.#lastId;
  }

  /**
   * Changes the index, one caller at a time. `decide` looks at the index as it is then, and throws when the change may not be.
   */
  async change(decide: () => IndexChange): Promise<void> {
    await this.#changes.add(async () => {
      const { put = [], remove = [] } = decide();
      const changes = new LevelChanges();
      for (const name of remove) changes.del(recordKey(name));
      for (const record of put) changes.put(recordKey(record.name), encodeRecord(record));
      changes.put(lastIdKey, String(this.#lastId));
      await this.#level.write(changes);
      for (const name of remove) this.#forget(name);
      for (const record of put) this.#remember(record);
    });
  }

  async #load(): Promise<void> {
    for await (const [key, value] of this.#level.db.iterator()) {
      if (key === lastIdKey) this.#lastId = Math.max(this.#lastId, Number(value));
      else if (key.startsWith(recordKey(""))) this.#remember(decodeRecord(value));
    }
    for (const { id } of this.all()) this.#lastId = Math.max(this.#lastId, id);
  }

  #remember(record: SnapshotRecord): void {
    this.#forget(record.name);
    this.#records.set(record.name, record);
    if (record.parent !== "") this.#children.set(record.parent, (this.#children.get(record.parent) ?? 0) + 1);
  }

  #forget(name: string): void {
    const record = this.#records.get(name);
    if (!record) return;
    this.#records.delete(name);
    const others = (this.#children.get(record.parent) ?? 0) - 1;
    if (others > 0) this.#children.set(record.parent, others);
    else this.#children.delete(record.parent);
  }
}
