import type { AbortOptions } from "@sluice/oci";
import type { ChainedBatch, Level } from "level";
import { KeyedLock } from "../metadata/keyed-lock.js";
import { keyOf, keysBelow, lastPart } from "../metadata/level-keys.js";
import type { Page } from "./page.js";
import { type NewRecord, type Record, RecordConflictError, type Records } from "./records.js";

interface Stored {
  readonly version: number;
  readonly document: unknown;
}

/** {@link Records} in a level database, for one process. */
export class LevelRecords implements Records {
  readonly #records;
  readonly #locks = new KeyedLock();

  constructor(db: Level<string, string>) {
    this.#records = db.sublevel<string, Stored>("records", { valueEncoding: "json" });
  }

  /** Adds a record, whose key nobody else can know, to a change that is written as a whole. */
  add(batch: ChainedBatch<Level<string, string>, string, string>, { kind, key, document }: NewRecord): void {
    batch.put(keyOf(kind, key), { version: 1, document }, { sublevel: this.#records });
  }

  async get<T>(kind: string, key: string): Promise<Record<T> | undefined> {
    const stored = await this.#records.get(keyOf(kind, key));
    return stored && { key, version: stored.version, document: stored.document as T }; // the kind's owner wrote it
  }

  put(kind: string, key: string, document: unknown, version?: number, options?: AbortOptions): Promise<number> {
    const place = keyOf(kind, key);
    return this.#locks.run(place, async () => {
      options?.signal?.throwIfAborted();
      const before = (await this.#records.get(place))?.version ?? 0;
      if (version !== undefined && version !== before) {
        throw new RecordConflictError(`${kind} ${key}: version ${before} is there, not ${version}`);
      }
      await this.#records
        .batch()
        .put(place, { version: before + 1, document })
        .write({ sync: true });
      return before + 1;
    });
  }

  delete(kind: string, key: string, options?: AbortOptions): Promise<boolean> {
    const place = keyOf(kind, key);
    return this.#locks.run(place, async () => {
      options?.signal?.throwIfAborted();
      if (!(await this.#records.has(place))) return false;
      await this.#records.batch().del(place).write({ sync: true });
      return true;
    });
  }

  async list<T>(kind: string, page: Page): Promise<readonly Record<T>[]> {
    const found = await this.#records.iterator({ ...keysBelow([kind], page.after), limit: page.limit }).all();
    return found.map(([place, { version, document }]) => ({ key: lastPart(place), version, document: document as T }));
  }
}
