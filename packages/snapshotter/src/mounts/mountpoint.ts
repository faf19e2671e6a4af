import { realpath, stat } from "node:fs/promises";
import { isMountpoint } from "../fuse/kernel/mount-table.js";
import { isErrno } from "../state/errno.js";

/** Nothing can be mounted there. */
export class MountpointError extends Error {
  override readonly name = "MountpointError";
  readonly code = "MOUNTPOINT";
}

/**
 * The mountpoint with symlinks resolved: an existing folder, on which nothing is mounted yet, outside the data root.
 *
 * @throws {MountpointError} naming what is in the way, and the cure
 */
export async function checkMountpoint(path: string, root: string): Promise<string> {
  const real = await realpathOf(path);
  const stats = await stat(real);
  if (!stats.isDirectory()) throw new MountpointError(`${path} is not a folder: name an existing, empty one`);
  if (real === "/") throw new MountpointError("/ cannot be covered: name another folder");
  const realRoot = await realpath(root);
  if (real === realRoot || real.startsWith(`${realRoot}/`) || realRoot.startsWith(`${real}/`)) {
    throw new MountpointError(`${path} lies in or above the data root ${root}: name a folder elsewhere`);
  }
  if (await isMountpoint(real))
    throw new MountpointError(`${path} is a mount point already: unmount it, or name another folder`);
  return real;
}

async function realpathOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) {
      throw new MountpointError(`${path} does not exist: make the folder first`, { cause: error });
    }
    if (isErrno(error, "ENOTCONN")) {
      throw new MountpointError(`${path}: a dead mount lies there: umount -l it first`, { cause: error });
    }
    throw error;
  }
}
