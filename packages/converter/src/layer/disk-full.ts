import { dirname } from "node:path";

/** The disk that temporary files or the cache lie on is full. Nothing was pushed and nothing is left behind. */
export class DiskFullError extends Error {
  override readonly name = "DiskFullError";
  readonly code = "DISK_FULL";
  readonly directory: string;
  constructor(directory: string, options?: ErrorOptions) {
    super(`no space left in ${directory}: free some, or name another place with --root`, options);
    this.directory = directory;
  }
}

const fullCodes = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** The error of a write to `path`: as {@link DiskFullError} when that is what it is, else unchanged. */
export function writeError(error: unknown, path: string): unknown {
  const full = error instanceof Error && "code" in error && fullCodes.has(String(error.code));
  return full ? new DiskFullError(dirname(path), { cause: error }) : error;
}
