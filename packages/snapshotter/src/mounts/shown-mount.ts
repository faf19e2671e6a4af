import { chmod, chown, stat, utimes } from "node:fs/promises";
import type { DiskLease } from "../disks/disks.js";
import type { Driver } from "../drivers/index.js";
import { MountBusyError, mountBind, mountOverlay, type OverlayMount, unmount } from "../fuse/index.js";
import { isErrno } from "../state/errno.js";
import type { NodePaths } from "../state/node-paths.js";
import type { LowerLease, Lowers } from "./lowers.js";
import { overlaySource, WritableFolder } from "./writable-folder.js";

/** A disk on a user's mountpoint. */
export interface ShownMount {
  /**
   * Takes it away.
   *
   * @throws {MountBusyError} when somebody uses it and `lazy` is not set; the mount stays
   */
  unmount(how: TakeAway): Promise<void>;
}

export interface TakeAway {
  /** Also when somebody uses it, who may go on. */
  readonly lazy: boolean;
  /** For good: what was written to it goes too. Else the next mount of the same id has it again. */
  readonly forget: boolean;
}

/** A writable mount needs the kernel's overlay, which only root may mount. */
export class NeedsRootError extends Error {
  override readonly name = "NeedsRootError";
  readonly code = "NEEDS_ROOT";
  constructor() {
    super("a writable mount needs root: run the daemon as root, or mount read-only");
  }
}

export interface ShowRequest {
  readonly id: string;
  readonly driver: Driver;
  /** Taken over. */
  readonly lease: DiskLease;
  readonly mountpoint: string;
  readonly writable: boolean;
  /**
   * The root of a container, below the data root: set-user-ID programs work, and what is written need not outlive this process, so nobody waits for it to
   * reach the disk.
   */
  readonly containerRoot: boolean;
  /** On a kernel mount of its own, which no other mount shares. */
  readonly alone: boolean;
}

/**
 * Puts a disk on a mountpoint: a second view of the one place where it is mounted, or an overlay on that. Who is not root can do neither, so
 * the driver mounts it there itself.
 */
export async function showDisk(request: ShowRequest, lowers: Lowers, paths: NodePaths): Promise<ShownMount> {
  if (process.getuid?.() !== 0) return await showDirectly(request);
  const lower = await lowers.acquire(request.driver, request.lease, request.alone ? request.id : "");
  try {
    const shown = request.writable
      ? await showOverlay(lower.path, request, paths)
      : await showBind(lower.path, request.mountpoint);
    return onLower(shown, lower);
  } catch (error) {
    await lower.release();
    throw error;
  }
}

/** The same for a mount that an earlier life of the daemon made, and that is still there. */
export async function adoptShown(request: ShowRequest, lowers: Lowers, paths: NodePaths): Promise<ShownMount> {
  const lower = await lowers.acquire(request.driver, request.lease);
  const { mountpoint } = request;
  const shown = request.writable
    ? overlayOn(mountpoint, new WritableFolder(paths.writable(request.id)))
    : bindOn(mountpoint);
  return onLower(shown, lower);
}

const onLower = (shown: ShownMount, lower: LowerLease): ShownMount => ({
  unmount: async (how) => {
    await shown.unmount(how);
    await lower.release();
  },
});

async function showBind(lower: string, mountpoint: string): Promise<ShownMount> {
  await mountBind(lower, mountpoint);
  return bindOn(mountpoint);
}

const bindOn = (mountpoint: string): ShownMount => ({ unmount: ({ lazy }) => unmount(mountpoint, { lazy }) });

/** Upper and work folders of an earlier life are used again: what was written stays until the mount is taken away. */
async function showOverlay(lower: string, request: ShowRequest, paths: NodePaths): Promise<ShownMount> {
  const { mountpoint, containerRoot } = request;
  const folder = new WritableFolder(paths.writable(request.id));
  const { upper, work } = folder;
  const isNew = await folder.make();
  try {
    if (isNew) await copyAttributes(lower, upper);
    const overlay = { lower: [lower], upper, work, target: mountpoint, source: overlaySource(paths) };
    await mountWithUpper({ ...overlay, suidAndDevices: containerRoot }, containerRoot);
  } catch (error) {
    if (isNew) await folder.discard();
    throw error;
  }
  return overlayOn(mountpoint, folder);
}

const overlayOn = (mountpoint: string, folder: WritableFolder): ShownMount => ({
  unmount: async ({ lazy, forget }) => {
    const isGone = await unmountOrDetach(mountpoint, lazy);
    if (!forget) return;
    if (isGone) await folder.discard();
    else await folder.giveUp(); // who uses it has its files below their feet
  },
});

/** @returns false when it was taken out of the tree and somebody goes on using it */
async function unmountOrDetach(mountpoint: string, lazy: boolean): Promise<boolean> {
  try {
    await unmount(mountpoint);
    return true;
  } catch (error) {
    if (!lazy || !(error instanceof MountBusyError)) throw error;
    await unmount(mountpoint, { lazy });
    return false;
  }
}

/** The root of an overlay is its upper folder's, so that gets what the image says of its root. */
async function copyAttributes(from: string, to: string): Promise<void> {
  const { mode, uid, gid, atime, mtime } = await stat(from);
  await chown(to, uid, gid);
  await chmod(to, mode & 0o7777);
  await utimes(to, atime, mtime);
}

/** @param ephemeral nothing of it need survive a power cut */
async function mountWithUpper(overlay: OverlayMount, ephemeral: boolean): Promise<void> {
  try {
    await mountOverlay({ ...overlay, ...(ephemeral && { options: ["volatile"] }) });
  } catch (error) {
    if (!ephemeral || !isErrno(error, "EINVAL")) throw error;
    await mountOverlay(overlay); // Linux < 5.10 knows no volatile overlays
  }
}

async function showDirectly({ id, driver, lease, mountpoint, writable }: ShowRequest): Promise<ShownMount> {
  try {
    if (writable) throw new NeedsRootError();
    const mounted = await driver.mount({ ...lease.disk, name: id }, mountpoint);
    void mounted.released.then(() => lease.release());
    return { unmount: ({ lazy }) => mounted.unmount({ lazy }) };
  } catch (error) {
    await lease.release();
    throw error;
  }
}
