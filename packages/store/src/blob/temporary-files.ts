import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../errno.js";

/**
 * A folder of files that are being written. Each name begins with the process that writes it and when that process began, so that what a dead
 * process left can be told from what a living one writes. For processes of one machine that see each other.
 */
export class TemporaryFiles {
  readonly #folder: string;
  readonly #prefix: string;

  private constructor(folder: string, prefix: string) {
    this.#folder = folder;
    this.#prefix = prefix;
  }

  /** Makes the folder, and removes what dead writers left in it. */
  static async open(folder: string): Promise<TemporaryFiles> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) {
      if (!(await isWriterAlive(name))) await rm(join(folder, name), { recursive: true, force: true });
    }
    return new TemporaryFiles(folder, `${process.pid}-${(await startOf(process.pid)) ?? "0"}`);
  }

  /** A path that nobody uses. */
  newPath(): string {
    return join(this.#folder, `${this.#prefix}-${randomUUID()}`);
  }
}

async function isWriterAlive(name: string): Promise<boolean> {
  const [, pid, start] = /^(\d{1,10})-(\d{1,20})-/.exec(name) ?? [];
  if (pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (isErrno(error, "ESRCH")) return false;
  }
  const now = await startOf(Number(pid));
  return now === undefined || now === start;
}

/** Clock ticks after boot; field 22 of proc(5) stat, counted behind the name, which may hold anything. Undefined where there is no /proc. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
