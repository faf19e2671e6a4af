import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { writeError } from "./disk-full.js";
import type { OpenFile } from "./open-file.js";

/** An open file; `path` is for messages. */
export interface NamedFile {
  readonly path: string;
  readonly handle: OpenFile;
}

/** A file without a name: the kernel takes it away when it is closed, however this process ends. */
export interface TemporaryFile extends AsyncDisposable {
  /** Where it was made, for messages. */
  readonly path: string;
  readonly handle: FileHandle;
}

/** @throws {DiskFullError} */
export async function openTemporaryFile(directory: string): Promise<TemporaryFile> {
  const path = join(directory, `.spool-${process.pid}-${randomUUID()}`);
  try {
    await mkdir(directory, { recursive: true });
    const handle = await open(path, "wx+", 0o600);
    await unlink(path);
    return { path, handle, [Symbol.asyncDispose]: () => handle.close() };
  } catch (error) {
    throw writeError(error, path);
  }
}
