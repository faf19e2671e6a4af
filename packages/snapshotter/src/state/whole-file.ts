import { randomUUID } from "node:crypto";
import { chmod, mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isErrno } from "./errno.js";

const temporaryMark = ".tmp-";

/**
 * Writes a file that is absent or whole, also after a power cut: a temporary file beside it, synced, then renamed over it.
 * Its folder is made when missing. Mode 0600 unless said otherwise: references and mounts are nobody else's business.
 */
export async function writeWholeFile(path: string, bytes: Uint8Array | string, mode?: number): Promise<void> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const temporary = join(folder, `${temporaryMark}${basename(path)}-${randomUUID()}`);
  try {
    await writeSynced(temporary, bytes);
    if (mode !== undefined) await chmod(temporary, mode);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(folder);
}

/** A new file whose bytes are durable; its name is when its folder is synced. Mode 0600. */
export async function writeSynced(path: string, bytes: Uint8Array | string): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** The bytes, or undefined when there is no such file. @throws {FileTooLargeError} beyond `maxBytes` */
export async function readFileIfPresent(path: string, maxBytes: number): Promise<Buffer | undefined> {
  const file = await open(path, "r").catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  });
  if (!file) return undefined;
  try {
    const { size } = await file.stat();
    if (size > maxBytes) throw new FileTooLargeError(path, size, maxBytes);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Removes what a crash left of unfinished writes. */
export async function removeTemporaries(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  });
  for (const name of names) {
    if (name.startsWith(temporaryMark)) await rm(join(folder, name), { force: true });
  }
}

/** A file of ours has a size that we never write. */
export class FileTooLargeError extends Error {
  override readonly name = "FileTooLargeError";
  readonly code = "FILE_TOO_LARGE";
  constructor(path: string, sizeBytes: number, maxBytes: number) {
    super(`${path}: ${sizeBytes} bytes, at most ${maxBytes} expected; remove it and start again`);
  }
}
