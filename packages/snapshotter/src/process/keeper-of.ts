import { readFile } from "node:fs/promises";
import { isAlive, type ProcessIdentity } from "../state/process-identity.js";

/**
 * The keeper that the daemon of a data root wrote down, if it lives: then a daemon serves the root, or will in a moment. Reads the file without its schema, so that
 * programs which only talk to the daemon need not load one.
 */
export async function livingKeeper(daemonFile: string): Promise<ProcessIdentity | undefined> {
  return await living((await readIdentities(daemonFile)).keeper);
}

/** The daemon that wrote the file, if it lives and has, or had, a keeper: then it has one again in a moment. */
export async function livingKeptDaemon(daemonFile: string): Promise<ProcessIdentity | undefined> {
  const { keeper, ...daemon } = await readIdentities(daemonFile);
  return keeper === undefined ? undefined : await living(daemon);
}

interface WrittenIdentities extends Partial<ProcessIdentity> {
  readonly keeper?: Partial<ProcessIdentity> | undefined;
}

async function readIdentities(daemonFile: string): Promise<WrittenIdentities> {
  try {
    return JSON.parse(await readFile(daemonFile, "utf8")) as WrittenIdentities; // checked by `living`
  } catch {
    return {}; // no such file, or none of ours
  }
}

async function living({
  pid,
  startTicks,
  bootId,
}: Partial<ProcessIdentity> = {}): Promise<ProcessIdentity | undefined> {
  if (typeof pid !== "number" || typeof startTicks !== "number" || typeof bootId !== "string") return undefined;
  const identity = { pid, startTicks, bootId };
  return (await isAlive(identity)) ? identity : undefined;
}
