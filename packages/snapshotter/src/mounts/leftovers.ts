import { readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { type MountEntry, mountTable, unmount, unmountEntries } from "../fuse/index.js";
import { isErrno } from "../state/errno.js";
import type { NodePaths } from "../state/node-paths.js";
import { overlaySource, WritableFolder } from "./writable-folder.js";

/**
 * Takes out of the tree what a daemon of this root left mounted when it was killed: overlays of users first, then what lies below the data
 * root. Their readers get errors or go on with what the kernel has. Views of a disk on users' mountpoints are the drivers' to find; a mount that
 * is not ours is left alone, wherever it lies: a disk of its own for the store, above all.
 *
 * @param kept mount points of which this daemon has taken over what is on them
 * @returns the mount points that were cleared
 */
export async function clearLeftovers(paths: NodePaths, kept: ReadonlySet<string>): Promise<readonly string[]> {
  const table = (await mountTable()).filter((entry) => !isKept(entry.target, kept));
  const below = join(paths.root, "/");
  const isBelow = (entry: MountEntry): boolean => entry.target.startsWith(below) && !isStoreDisk(paths, entry);
  const overlays = table.filter((entry) => entry.type === "overlay" && entry.source === overlaySource(paths));
  const cleared = await unmountEntries(overlays.filter((entry) => !isBelow(entry)));
  for (const { target } of table.filter(isBelow).toReversed()) {
    await unmount(target, { lazy: true });
    cleared.push(target);
  }
  return cleared;
}

const isStoreDisk = (paths: NodePaths, { target }: MountEntry): boolean =>
  join(target, "/").startsWith(join(paths.store, "/"));

/** Also what a container has mounted below its root. */
const isKept = (target: string, kept: ReadonlySet<string>): boolean =>
  [...kept].some((path) => target === path || target.startsWith(join(path, "/")));

/**
 * Removes folders that only mounts of an earlier life used. What still has a mount below it is left alone, and so is what somebody wrote to a
 * writable mount of which nothing says that it was given up.
 *
 * @param keep ids of mounts and containers that are wanted
 * @returns the folders that were left because of what is in them
 */
export async function sweepFolders(paths: NodePaths, keep: ReadonlySet<string>): Promise<readonly string[]> {
  const mounted = (await mountTable()).map((entry) => join(entry.target, "/"));
  const isFree = (path: string): boolean => !mounted.some((target) => target.startsWith(join(path, "/")));
  for (const name of await namesIn(paths.lower)) await rmdir(join(paths.lower, name)).catch(() => undefined);
  for (const id of await namesIn(paths.containers)) {
    const path = join(paths.containers, id);
    if (!keep.has(id) && isFree(path)) await rm(path, { recursive: true, force: true });
  }
  const left: string[] = [];
  for (const id of await namesIn(join(paths.root, "writable"))) {
    const folder = new WritableFolder(paths.writable(id));
    if (!isFree(folder.path)) continue;
    const isGivenUp = await folder.isGivenUp();
    if (keep.has(id) && !isGivenUp) continue;
    if (isGivenUp || (await folder.isEmpty())) await folder.discard();
    else left.push(folder.path);
  }
  return left;
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  });
}
