import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";

const temporaryPrefix = ".sluice-";
/** Temporary files this old belong to a writer that died. Milliseconds. */
const abandonedMs = 24 * 60 * 60 * 1000;

/** A file that is written beside its place and then moved there: absent or whole, also after a power cut. */
export class AtomicFile implements AsyncDisposable {
  readonly #temporary: string;
  readonly #handle: Awaited<ReturnType<typeof open>>;

  private constructor(temporary: string, handle: Awaited<ReturnType<typeof open>>) {
    this.#temporary = temporary;
    this.#handle = handle;
  }

  /** @param folder on the same file system as the place; made if missing */
  static async create(folder: string): Promise<AtomicFile> {
    await mkdir(folder, { recursive: true });
    const temporary = join(folder, `${temporaryPrefix}${randomUUID()}`);
    return new AtomicFile(temporary, await open(temporary, "wx", 0o644));
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#handle.writeFile(bytes);
  }

  /** Flushes, moves, flushes the folder. What was at `path` is replaced. */
  async moveTo(path: string): Promise<void> {
    await this.#handle.sync();
    await this.#handle.close();
    await mkdir(dirname(path), { recursive: true });
    await rename(this.#temporary, path);
    await syncFolder(dirname(path));
  }

  /** Removes what was not moved. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close().catch(() => undefined); // moved already
    await rm(this.#temporary, { force: true });
  }
}

/** @throws whatever the file system says; the temporary is gone then */
export async function writeAtomically(path: string, bytes: Uint8Array, folder: string): Promise<void> {
  await using file = await AtomicFile.create(folder);
  await file.write(bytes);
  await file.moveTo(path);
}

/** Removes what writers that died left in a folder. */
export async function removeAbandoned(folder: string, nowMs: number = Date.now()): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names.filter((entry) => entry.startsWith(temporaryPrefix))) {
    const path = join(folder, name);
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: nowMs }));
    if (nowMs - mtimeMs > abandonedMs) await rm(path, { force: true });
  }
}

/** Makes a rename or removal in a folder survive a power cut. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
