import { type FileHandle, open, rm } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { AbortOptions } from "../abort-options.js";
import { isErrno } from "./errno.js";
import { newOwner, ownerText, parseOwner, stateOf } from "./lock-owner.js";

/** A lock whose owner cannot be seen from here, and that was not touched for so long, was left by the dead. Milliseconds. */
const staleMs = 60_000;
/** How often a holder touches its lock. Milliseconds. */
const heartbeatMs = 10_000;
const pollMs = 10;

/** A lock file as it was found. */
interface FoundLock {
  /** Of this one holding; the next one has another. */
  readonly identity: string;
  readonly isStale: boolean;
}

/**
 * Runs `work` while no other process or caller holds the lock file `path`. Waits as long as it takes, or until the signal fires.
 *
 * A lock is taken over when its process is gone, which only processes of the same boot and PID namespace can tell. For all others (another
 * container, another machine) it is stale when its file was not touched for a minute; the clocks of machines that share a folder must
 * agree within half a minute, and a machine that sleeps longer may find its lock taken.
 */
export async function withLock<T>(path: string, work: () => Promise<T>, options?: AbortOptions): Promise<T> {
  const owner = await newOwner();
  let handle = await tryTake(path, ownerText(owner));
  while (handle === undefined) {
    options?.signal?.throwIfAborted();
    const found = await inspect(path);
    if (found?.isStale) await breakLock(path, found.identity, options);
    else await sleep(pollMs * (1 + Math.random()));
    handle = await tryTake(path, ownerText(owner));
  }
  const heart = startHeartbeat(handle);
  try {
    return await work();
  } finally {
    clearInterval(heart);
    await handle.close();
    if ((await inspect(path))?.identity === owner.token) await rm(path, { force: true });
  }
}

/** @returns the open file if the lock is ours now */
async function tryTake(path: string, text: string): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, "wx", 0o644);
  } catch (error) {
    if (isErrno(error, "EEXIST")) return undefined;
    throw error;
  }
  try {
    await handle.writeFile(text);
    return handle;
  } catch (error) {
    await handle.close();
    await rm(path, { force: true });
    throw error;
  }
}

/** Touches the file that was made, never one that took its place. */
function startHeartbeat(handle: FileHandle): NodeJS.Timeout {
  const beat = (): void => {
    const now = new Date();
    handle.utimes(now, now).catch(() => undefined); // a beat that fails is a beat missed
  };
  return setInterval(beat, heartbeatMs).unref();
}

/** Undefined when nobody holds the lock. */
async function inspect(path: string): Promise<FoundLock | undefined> {
  try {
    await using file = await open(path, "r");
    const { ino, mtimeMs } = await file.stat();
    const owner = parseOwner(await file.readFile("utf8"));
    const state = owner === undefined ? "unknown" : await stateOf(owner);
    const isOld = Date.now() - mtimeMs > staleMs;
    return { identity: owner?.token ?? `inode-${ino}`, isStale: state === "gone" || (state === "unknown" && isOld) };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/**
 * Removes the lock of `identity`, and no other. Only whoever holds the lock named after that identity may do so; a living lock that came in
 * its place has another identity, and is found under the same protection. Who dies in here is replaced in the same way.
 */
function breakLock(path: string, identity: string, options?: AbortOptions): Promise<void> {
  const remove = async (): Promise<void> => {
    const found = await inspect(path);
    if (found?.isStale && found.identity === identity) await rm(path, { force: true });
  };
  return withLock(`${path}.${identity}`, remove, options);
}
