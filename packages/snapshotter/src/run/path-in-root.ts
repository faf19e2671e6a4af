import { constants } from "node:fs";
import { lstat, open, readlink } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../state/errno.js";

/** As many as the kernel follows (path_resolution(7)). */
const maxSymlinks = 40;

/** A path inside a container's root leads to where it must not, or round in circles. */
export class PathInRootError extends Error {
  override readonly name = "PathInRootError";
  readonly code = "PATH_IN_ROOT";
}

/**
 * Where `path` lies on the host when `root` is the root directory: symlinks, absolute ones and `..` too, stay inside,
 * as they would for a process in the container. The last component need not exist.
 *
 * `root` must be quiet: a process that swaps a directory for a symlink meanwhile could still lead outside.
 */
export async function resolveInRoot(root: string, path: string): Promise<string> {
  let inside: string[] = [];
  const rest = componentsOf(path);
  let followed = 0;
  for (let name = rest.shift(); name !== undefined; name = rest.shift()) {
    if (name === "..") {
      inside.pop();
      continue;
    }
    const target = await readlinkIfSymlink(join(root, ...inside, name));
    if (target === undefined) {
      inside.push(name);
      continue;
    }
    followed += 1;
    if (followed > maxSymlinks) throw new PathInRootError(`${path}: more than ${maxSymlinks} symbolic links`);
    if (target.startsWith("/")) inside = [];
    rest.unshift(...componentsOf(target));
  }
  return join(root, ...inside);
}

/**
 * A regular file of the image, read without leaving `root`. Undefined when absent.
 *
 * @throws {PathInRootError} when it is no regular file or holds more than `maxBytes`
 */
export async function readFileInRoot(root: string, path: string, maxBytes: number): Promise<string | undefined> {
  const place = await resolveInRoot(root, path);
  // Asked before it is opened: opening a device of the image would already do something to this machine.
  const found = await ifPresent(lstat(place));
  if (found && !found.isFile()) throw new PathInRootError(`${path} of the image is no regular file`);
  const file =
    found && (await ifPresent(open(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)));
  if (!file) return undefined;
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new PathInRootError(`${path} of the image is no regular file`);
    if (stat.size > maxBytes) {
      throw new PathInRootError(`${path} of the image has ${stat.size} bytes, at most ${maxBytes} are read`);
    }
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

const componentsOf = (path: string): string[] => path.split("/").filter((name) => name !== "" && name !== ".");

async function readlinkIfSymlink(path: string): Promise<string | undefined> {
  const found = await ifPresent(lstat(path));
  return found?.isSymbolicLink() ? await ifPresent(readlink(path)) : undefined;
}

async function ifPresent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
