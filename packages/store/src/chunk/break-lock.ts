import { rm } from "node:fs/promises";
import { join } from "node:path";

/**
 * Takes the lock of a chunk store from a process that can do nothing any more, and cannot let go of it: killed, with a thread that the kernel does not release. The
 * caller has made sure of that; two living processes on one store destroy it.
 */
export async function breakChunkStoreLock(folder: string): Promise<void> {
  await rm(join(folder, "index", "LOCK"), { force: true }); // level's own; a lock belongs to the file, not to its name
}
