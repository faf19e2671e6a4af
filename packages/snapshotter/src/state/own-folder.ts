import { lstat } from "node:fs/promises";

/** Others could put things into a folder that this process trusts. */
export class UnsafeFolderError extends Error {
  override readonly name = "UnsafeFolderError";
  readonly code = "UNSAFE_FOLDER";
}

/** @throws {UnsafeFolderError} unless `path` is a folder of this process's user that nobody else may write to */
export async function requireOwnFolder(path: string): Promise<void> {
  const stats = await lstat(path);
  const user = process.geteuid?.();
  if (!stats.isDirectory()) throw new UnsafeFolderError(`${path} is not a folder: name another data root`);
  if (stats.uid !== user) {
    throw new UnsafeFolderError(`${path} belongs to user ${stats.uid}, this is user ${user}: name another data root`);
  }
  if ((stats.mode & 0o022) !== 0) {
    throw new UnsafeFolderError(`${path} may be written to by others: chmod go-w it, or name another data root`);
  }
}
