import { statfs } from "node:fs/promises";
import { Level } from "level";
import { NoSpaceError } from "../blob/blob-errors.js";
import { isErrno } from "../errno.js";

/** A part of a database with values of one kind. */
export interface LevelPart<V> {
  open(): Promise<void>;
  put(key: string, value: V): Promise<void>;
}

type Operation = { readonly key: string; readonly sublevel: unknown } & (
  | { readonly type: "put"; readonly value: unknown }
  | { readonly type: "del" }
);

/** Puts and deletions that are written together, or none of them. */
export class LevelChanges {
  readonly operations: Operation[] = [];

  /** @param sublevel left out: the database itself, whose values are text */
  put<V = string>(key: string, value: V, sublevel?: LevelPart<V>): this {
    this.operations.push({ type: "put", key, value, sublevel });
    return this;
  }

  del(key: string, sublevel?: LevelPart<never>): this {
    this.operations.push({ type: "del", key, sublevel });
    return this;
  }
}

interface WaitingChanges {
  readonly operations: readonly Operation[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** To open a database its log is made a table, of 4 MiB at most, beside the files that are there. */
const roomToOpenBytes = 16 * 1024 * 1024;

/**
 * A level database whose writes are never lost behind one that failed. LevelDB goes on after a write that a full disk cut short, behind a torn record in
 * its log, and reads that log to the torn record only when it is opened next: all that was acknowledged after it is gone. Here nothing is
 * written behind a failure until the database was opened anew, once there is room for that; it is read meanwhile. While one write is on its way
 * those that come wait, and go together with the next.
 */
export class SteadyLevel implements AsyncDisposable {
  readonly db: Level<string, string>;
  readonly #folder: string;
  readonly #parts: Pick<LevelPart<never>, "open">[] = [];
  #waiting: WaitingChanges[] = [];
  #writing: Promise<void> | undefined;
  #isTorn = false;

  private constructor(folder: string, db: Level<string, string>) {
    this.#folder = folder;
    this.db = db;
  }

  /** Opens the database in `folder`, or makes it. Its folder must exist. Rejects when another process has it open. */
  static async open(folder: string): Promise<SteadyLevel> {
    const db = new Level<string, string>(folder);
    await db.open();
    return new SteadyLevel(folder, db);
  }

  /** Opens a sublevel again with the database. */
  part<T extends Pick<LevelPart<never>, "open">>(sublevel: T): T {
    this.#parts.push(sublevel);
    return sublevel;
  }

  /** All changes, durably, or none. @throws {NoSpaceError} and whatever else the disk says */
  write({ operations }: LevelChanges): Promise<void> {
    if (operations.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operations, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    await this.db.close();
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const together = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(together.flatMap(({ operations }) => operations));
        for (const { resolve } of together) resolve();
      } catch (error) {
        for (const { reject } of together) reject(error);
      }
    }
    this.#writing = undefined;
  }

  async #write(operations: readonly Operation[]): Promise<void> {
    if (this.#isTorn) await this.#openAnew();
    try {
      await this.db.batch(operations as never, { sync: true }); // each was made for its sublevel by LevelChanges
    } catch (error) {
      this.#isTorn = isErrno(error, "LEVEL_IO_ERROR");
      if (this.#isTorn && /No space left|quota exceeded/i.test(String(error))) {
        throw new NoSpaceError(this.#folder, { cause: error });
      }
      throw error;
    }
  }

  async #openAnew(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#folder);
    if (bavail * bsize < roomToOpenBytes) throw new NoSpaceError(this.#folder);
    await this.db.close();
    await this.db.open();
    for (const part of this.#parts) await part.open();
    this.#isTorn = false;
  }
}
