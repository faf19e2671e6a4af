import { readdir, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { mountTable, unmount } from "../fuse/index.js";
import { isErrno } from "../state/errno.js";
import type { NodePaths } from "../state/node-paths.js";
import type { MountRecord } from "./mount-journal.js";

/** What `mount` of this program may have left on a mountpoint of a user. */
const ourTypes: readonly string[] = ["erofs", "overlay", "fuse.sluice", "fuse"];

/**
 * Takes out of the tree what a daemon of this root left mounted when it was killed: views and overlays of users first, then what lies below the data
 * root. Their readers get errors or go on with what the kernel has; a mount that is not ours is left alone.
 *
 * @returns the mount points that were cleared
 */
export async function clearLeftovers(paths: NodePaths, records: readonly MountRecord[]): Promise<readonly string[]> {
  const table = await mountTable();
  const users = records
    .filter(({ mountpoint }) => {
      const top = table.findLast((entry) => entry.target === mountpoint);
      return top !== undefined && ourTypes.includes(top.type);
    })
    .map(({ mountpoint }) => mountpoint);
  const below = table.map((entry) => entry.target).filter((target) => target.startsWith(join(paths.root, "/")));
  const targets = [...users.toReversed(), ...below.toReversed()];
  for (const target of targets) await unmount(target, { lazy: true });
  return targets;
}

/** Removes folders that only mounts of an earlier life used. What still has a mount below it is left alone. */
export async function sweepFolders(paths: NodePaths, keep: ReadonlySet<string>): Promise<void> {
  const mounted = (await mountTable()).map((entry) => join(entry.target, "/"));
  for (const name of await namesIn(paths.lower)) await rmdir(join(paths.lower, name)).catch(() => undefined);
  for (const folder of [join(paths.root, "writable"), paths.containers]) {
    for (const id of await namesIn(folder)) {
      const path = join(folder, id);
      if (keep.has(id) || mounted.some((target) => target.startsWith(join(path, "/")))) continue;
      await rm(path, { recursive: true, force: true });
    }
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return await readdir(folder).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  });
}
