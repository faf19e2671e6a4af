import { type FileHandle, mkdir, open, rename, utimes } from "node:fs/promises";
import { dirname } from "node:path";
import { isErrno } from "../errno.js";
import { NoSpaceError } from "./blob-errors.js";

/**
 * Gives a file that is whole and synced its final name, durably. What has the name already is replaced, although its name says the same content: it may have
 * been damaged since, and who reads it goes on with what was opened.
 */
export async function publishFile(from: string, to: string): Promise<void> {
  const folder = dirname(to);
  const created = await mkdir(folder, { recursive: true });
  await touch(from);
  await rename(from, to);
  await syncFolder(folder);
  if (created !== undefined) await syncFolder(dirname(folder));
}

/** Who counts a file's age from its time must not take it for old. One that was removed this moment has no time to set. */
export async function touch(path: string): Promise<void> {
  const now = new Date();
  await utimes(path, now, now).catch((error: unknown) => {
    if (!isErrno(error, "ENOENT")) throw error;
  });
}

/** A name is durable only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** All of `bytes`, at `position`. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.byteLength; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.byteLength - done, position + done);
    done += bytesWritten;
  }
}

/** As `work`, but a full disk is a {@link NoSpaceError} that names the place. */
export async function namingFullDisk<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isErrno(error, "ENOSPC", "EDQUOT")) throw new NoSpaceError(path, { cause: error });
    throw error;
  }
}
