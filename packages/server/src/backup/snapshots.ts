import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { timeOrderedId } from "../records/time-ordered-id.js";

/** Where a serving registry puts snapshots of its metadata for those who may read its files. */
export const snapshotsBelow = (root: string): string => join(root, "registry", "snapshots");

/** A metadata store that can be copied while it is written to. */
export interface Copyable {
  /** Copies what there is at one moment into a folder that is not there. */
  copyTo(folder: string): Promise<void>;
}

/** Makes snapshots, one at a time. Whoever asked for one takes it away; the rest goes at the next start. */
export class Snapshots {
  readonly #metadata: Copyable;
  readonly #folder: string;
  #last: Promise<unknown> = Promise.resolve();

  constructor(metadata: Copyable, root: string) {
    this.#metadata = metadata;
    this.#folder = snapshotsBelow(root);
  }

  /** @returns its name */
  take(): Promise<string> {
    const taken = this.#last.then(() => this.#take());
    this.#last = taken.catch(() => undefined);
    return taken;
  }

  /** Removes what nobody took away. */
  async clear(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #take(): Promise<string> {
    const name = timeOrderedId();
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    await this.#metadata.copyTo(join(this.#folder, name));
    return name;
  }
}
