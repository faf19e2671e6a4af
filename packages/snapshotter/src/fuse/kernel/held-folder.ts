import { constants } from "node:fs";
import { open, readlink } from "node:fs/promises";

/** The path leads to another place than it names: somebody who may change a folder on the way put a symlink there. */
class MovedFolderError extends Error {
  override readonly name = "MovedFolderError";
  readonly code = "MOVED_FOLDER";
}

/** Only names the file, and needs no right to read it. Node does not give it. include/uapi/asm-generic/fcntl.h */
const pathOnly = 0o10000000;
const heldFolder = pathOnly | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * Gives `use` a path that leads to this very folder, whatever happens to the names on the way meanwhile: who owns one of the folders above may not choose where
 * root mounts.
 *
 * @param path absolute, over no symlinks
 * @throws {MovedFolderError}
 */
export async function withHeldFolder<T>(path: string, use: (held: string) => Promise<T>): Promise<T> {
  const folder = await open(path, heldFolder);
  try {
    const held = `/proc/self/fd/${folder.fd}`;
    const real = await readlink(held);
    if (real !== path) throw new MovedFolderError(`${path} leads to ${real}: name the folder by its real path`);
    return await use(held);
  } finally {
    await folder.close();
  }
}
