import { open, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

const prefix = "metadata-";
/** `metadata-2030-01-01T00-00-00.000Z`: names sort by time. */
const pattern = /^metadata-\d{4}-\d\d-\d\dT[\d.-]+Z$/;

/** A folder is no backup, or something is in the way of one. */
export class BackupError extends Error {
  override readonly name = "BackupError";
  readonly code = "BACKUP";
}

/** The metadata of the last backup in a folder: an absolute path. @throws {BackupError} when there is none */
export async function lastMetadata(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => pattern.test(name)).sort();
  const last = names.at(-1);
  if (last === undefined) throw new BackupError(`${folder} holds no backup of a registry (no metadata-<time> in it)`);
  return join(folder, last);
}

/** Gives what was written to `unfinished` the name that makes it the backup, and removes those before it. @returns the name */
export async function publishMetadata(folder: string, unfinished: string): Promise<string> {
  const before = (await readdir(folder)).filter((name) => pattern.test(name));
  const name = `${prefix}${new Date().toISOString().replaceAll(":", "-")}`;
  await rename(unfinished, join(folder, name));
  await syncFolder(folder);
  for (const old of before) if (old !== name) await rm(join(folder, old), { recursive: true });
  return name;
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
