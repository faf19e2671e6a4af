import { readSync, writeSync } from "node:fs";

/** An open file, to be read and written at any place. A `FileHandle` is one. */
export interface OpenFile {
  /** Process-wide. */
  readonly fd: number;
  /** At least one byte, but at the end of the file. */
  read(target: Uint8Array, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>;
  /** Perhaps fewer bytes than it was given. */
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ readonly bytesWritten: number }>;
}

/**
 * A file that another thread opened and will close. Everything is done when the call returns, so that nothing is under way when that
 * thread hears that this one is done; for a thread that serves nobody meanwhile.
 */
export function fileOfDescriptor(fd: number): OpenFile {
  return {
    fd,
    read: async (target, offset, length, position) => ({ bytesRead: readSync(fd, target, offset, length, position) }),
    write: async (bytes, offset, length, position) => ({
      bytesWritten: writeSync(fd, bytes, offset, length, position),
    }),
  };
}
