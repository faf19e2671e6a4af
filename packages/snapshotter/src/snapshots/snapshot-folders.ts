import { chmod, lchown, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import PQueue from "p-queue";
import { isErrno } from "../state/errno.js";
import { syncFolder } from "../state/whole-file.js";

/** Who owns the root of a new snapshot. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A folder with this mark is on its way out. */
const removedMark = "removed-";

/** The folders of unpacked snapshots, `N/fs` and, for those that are written to, `N/work`, by the ids of their records. */
export class SnapshotFolders {
  readonly #root: string;
  /** Ids whose record is still to be written. */
  readonly #making = new Set<number>();
  readonly #removals = new PQueue({ concurrency: 1 });
  readonly #onError: (error: unknown) => void;

  /** @param onError told of a folder that could not be removed; it is tried again at the next start */
  constructor(root: string, onError: (error: unknown) => void) {
    this.#root = root;
    this.#onError = onError;
  }

  /** What was written. Its attributes are those of the root of the file system. */
  files(id: number): string {
    return join(this.#root, String(id), "fs");
  }

  /** The kernel's own. */
  work(id: number): string {
    return join(this.#root, String(id), "work");
  }

  /** Makes the folders of `id`, then calls `record`; if that fails they go again. Modes as containerd's own overlay snapshotter has them. */
  async make(
    id: number,
    kind: "active" | "view",
    owner: Owner | undefined,
    record: () => Promise<void>,
  ): Promise<void> {
    this.#making.add(id);
    try {
      await this.#make(id, kind, owner);
      await syncFolder(this.#root); // no record without its folder, after a power cut too
      await record();
    } catch (error) {
      this.remove(id);
      throw error;
    } finally {
      this.#making.delete(id);
    }
  }

  async #make(id: number, kind: "active" | "view", owner: Owner | undefined): Promise<void> {
    const files = this.files(id);
    await mkdir(join(this.#root, String(id)), { recursive: true, mode: 0o700 });
    await mkdirExactly(files, 0o755);
    if (owner) await lchown(files, owner.uid, owner.gid);
    if (kind === "active") await mkdirExactly(this.work(id), 0o711);
  }

  /** Begins to remove the folders of a snapshot without a record. */
  remove(id: number): void {
    void this.#removals.add(() => this.#remove(String(id))).catch(this.#onError);
  }

  /** Resolves when what was removed before is gone. */
  async removed(): Promise<void> {
    await this.#removals.onIdle();
  }

  /**
   * Makes the folder what the records say: what no record names is removed.
   *
   * @param wanted the ids of the records, asked when the folders have been looked at: one that is recorded meanwhile must not be taken for one without a record
   * @returns the ids that have their files
   */
  async sweep(wanted: () => ReadonlySet<number>): Promise<ReadonlySet<number>> {
    await mkdir(this.#root, { recursive: true, mode: 0o700 });
    const names = await readdir(this.#root);
    const recorded = wanted();
    const there = new Set<number>();
    for (const name of names) {
      const id = /^[1-9]\d*$/.test(name) ? Number(name) : undefined;
      if (id !== undefined && (recorded.has(id) || this.#making.has(id))) there.add(id);
      else void this.#removals.add(() => this.#remove(name)).catch(this.#onError);
    }
    return there;
  }

  /** Out of the way at once; its files may take a while. */
  async #remove(name: string): Promise<void> {
    const path = join(this.#root, name);
    const away = name.startsWith(removedMark) ? path : join(this.#root, `${removedMark}${name}`);
    try {
      if (away !== path) await rename(path, away);
    } catch (error) {
      if (isErrno(error, "ENOENT")) return;
      if (!isErrno(error, "ENOTEMPTY", "EEXIST")) throw error;
    }
    await rm(away, { recursive: true, force: true });
    await rm(path, { recursive: true, force: true });
  }
}

/** Whatever the umask. */
async function mkdirExactly(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode });
  await chmod(path, mode);
}
