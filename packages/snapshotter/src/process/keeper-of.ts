import { readFile } from "node:fs/promises";
import { isAlive, type ProcessIdentity } from "../state/process-identity.js";

/**
 * The keeper that the daemon of a data root wrote down, if it lives: then a daemon serves the root, or will in a moment. Reads the file without its schema, so that
 * programs which only talk to the daemon need not load one.
 */
export async function livingKeeper(daemonFile: string): Promise<ProcessIdentity | undefined> {
  try {
    const { keeper } = JSON.parse(await readFile(daemonFile, "utf8")) as { keeper?: ProcessIdentity }; // checked below
    const { pid, startTicks, bootId } = keeper ?? {};
    if (typeof pid !== "number" || typeof startTicks !== "number" || typeof bootId !== "string") return undefined;
    const identity = { pid, startTicks, bootId };
    return (await isAlive(identity)) ? identity : undefined;
  } catch {
    return undefined; // no such file, or none of ours
  }
}
