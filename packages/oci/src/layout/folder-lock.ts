import { open, readFile, rename, rm, stat } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { AbortOptions } from "../abort-options.js";
import { isErrno } from "./errno.js";

/** An update takes milliseconds; a lock this old was left by a machine that died. Milliseconds. */
const staleMs = 60_000;
const pollMs = 10;

/**
 * Runs `work` while no other process or caller holds the lock file `path`. A lock whose process is gone is taken over.
 * Waits as long as it takes, or until the signal fires.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, options?: AbortOptions): Promise<T> {
  while (!(await tryTake(path))) {
    options?.signal?.throwIfAborted();
    if (await isStale(path)) await breakLock(path);
    else await sleep(pollMs * (1 + Math.random()));
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function tryTake(path: string): Promise<boolean> {
  try {
    const handle = await open(path, "wx", 0o644);
    try {
      await handle.writeFile(String(process.pid));
    } finally {
      await handle.close();
    }
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    const { mtimeMs } = await stat(path);
    if (Date.now() - mtimeMs > staleMs) return true;
    const pid = Number(await readFile(path, "utf8"));
    return Number.isInteger(pid) && pid > 0 && !isAlive(pid);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false; // released meanwhile
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, "EPERM"); // somebody else's, and alive
  }
}

/** Renamed first, so that of two who see a stale lock only one removes it. */
async function breakLock(path: string): Promise<void> {
  const aside = `${path}.${process.pid}.${Date.now()}`;
  await rename(path, aside).catch((error: unknown) => {
    if (!isErrno(error, "ENOENT")) throw error;
  });
  await rm(aside, { force: true });
}
