import type { AbortOptions } from "@sluice/oci";
import { LevelChanges, type SteadyLevel } from "@sluice/store";
import { KeyedLock } from "../metadata/keyed-lock.js";
import { keyOf, keysBelow, lastPart } from "../metadata/level-keys.js";
import type { EitherWayPage } from "./page.js";
import { type Record, type RecordChange, RecordConflictError, type Records } from "./records.js";

interface Stored {
  readonly version: number;
  readonly document: unknown;
}

/** {@link Records} in a level database, for one process. */
export class LevelRecords implements Records {
  readonly #level: SteadyLevel;
  readonly #records;
  readonly #locks = new KeyedLock();

  constructor(level: SteadyLevel) {
    this.#level = level;
    this.#records = level.part(level.db.sublevel<string, Stored>("records", { valueEncoding: "json" }));
  }

  /** Changes a record whose key nobody else writes at the same moment, in a change that is written as a whole. @throws {RecordConflictError} */
  async addChange(changes: LevelChanges, change: RecordChange): Promise<void> {
    const { kind, key, document } = change;
    const before = await this.#expect(change);
    if (document === undefined) changes.del(keyOf(kind, key), this.#records);
    else changes.put(keyOf(kind, key), { version: before + 1, document }, this.#records);
  }

  async get<T>(kind: string, key: string): Promise<Record<T> | undefined> {
    const stored = await this.#records.get(keyOf(kind, key));
    return stored && { key, version: stored.version, document: stored.document as T }; // the kind's owner wrote it
  }

  put(kind: string, key: string, document: unknown, version?: number, options?: AbortOptions): Promise<number> {
    const place = keyOf(kind, key);
    return this.#locks.run(place, async () => {
      options?.signal?.throwIfAborted();
      const before = await this.#expect({ kind, key, document, version });
      await this.#level.write(new LevelChanges().put(place, { version: before + 1, document }, this.#records));
      return before + 1;
    });
  }

  async write(changes: readonly RecordChange[], options?: AbortOptions): Promise<void> {
    const places = changes.map(({ kind, key }) => keyOf(kind, key)).sort();
    await this.#locked(places, async () => {
      options?.signal?.throwIfAborted();
      const together = new LevelChanges();
      for (const change of changes) await this.addChange(together, change);
      await this.#level.write(together);
    });
  }

  delete(kind: string, key: string, options?: AbortOptions): Promise<boolean> {
    const place = keyOf(kind, key);
    return this.#locks.run(place, async () => {
      options?.signal?.throwIfAborted();
      if (!(await this.#records.has(place))) return false;
      await this.#level.write(new LevelChanges().del(place, this.#records));
      return true;
    });
  }

  async list<T>(kind: string, page: EitherWayPage): Promise<readonly Record<T>[]> {
    const { after, limit, isDescending: reverse = false } = page;
    const range = keysBelow([kind], reverse ? undefined : after);
    const end = reverse && after !== undefined ? { lt: keyOf(kind, after) } : {};
    const found = await this.#records.iterator({ ...range, ...end, limit, reverse }).all();
    return found.map(([place, { version, document }]) => ({ key: lastPart(place), version, document: document as T }));
  }

  /** @returns the version that is there; 0 for none */
  async #expect({ kind, key, version }: RecordChange): Promise<number> {
    const before = (await this.#records.get(keyOf(kind, key)))?.version ?? 0;
    if (version === undefined || version === before) return before;
    throw new RecordConflictError(`${kind} ${key}: version ${before} is there, not ${version}`);
  }

  /** Takes the locks one after the other, in the order that everybody takes them in. */
  #locked<T>([first, ...rest]: readonly string[], work: () => Promise<T>): Promise<T> {
    return first === undefined ? work() : this.#locks.run(first, () => this.#locked(rest, work));
  }
}
