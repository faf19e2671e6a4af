import { resolve } from "node:path";
import { withHeldFolder } from "./held-folder.js";
import { holdersOf } from "./holders.js";
import { KernelCallError } from "./kernel-call-error.js";
import { mountCall, umountCall, umountCallSync } from "./libc.js";
import { type MountEntry, mountOn } from "./mount-table.js";

/** mount(2) flags. include/uapi/linux/mount.h */
const mountFlags = { readOnly: 1, noSuid: 2, noDev: 4, bind: 4096 } as const;
/** What an image holds may not hand its reader another user's rights, or the machine's devices. */
const harmless = mountFlags.noSuid | mountFlags.noDev;
/** umount2(2) flags. */
const umountFlags = { force: 1, detach: 2, noFollow: 8 } as const;

/** Somebody still uses the mount. `holders` names who, as far as `/proc` tells; it may be empty. */
export class MountBusyError extends Error {
  override readonly name = "MountBusyError";
  readonly code = "MOUNT_BUSY";
  readonly target: string;
  readonly holders: readonly string[];

  constructor(target: string, holders: readonly string[], options?: ErrorOptions) {
    const who =
      holders.length > 0 ? `held by ${holders.join(", ")}` : "no process of /proc holds it; a mount below it may";
    super(`${target} is busy: ${who}. End them and unmount again`, options);
    this.target = target;
    this.holders = holders;
  }
}

/** A FUSE connection on `target`, served through the open descriptor `fd` of `/dev/fuse`. Only processes of this user may look inside. */
export async function mountFuse(target: string, fd: number, user: { uid: number; gid: number }): Promise<void> {
  const data = `fd=${fd},rootmode=40000,user_id=${user.uid},group_id=${user.gid}`;
  await mountCall("sluice", target, "fuse.sluice", mountFlags.readOnly | harmless, data);
}

/**
 * An EROFS image, read only, without set-user-ID programs and device nodes that work: nor do those of binds made of it. `source` is a block device or, since Linux 6.12, a regular file. Reads the source
 * before it returns.
 */
export async function mountErofs(source: string, target: string, options = ""): Promise<void> {
  const flags = mountFlags.readOnly | harmless;
  await mountCall(source, target, "erofs", flags, options === "" ? null : options);
}

/**
 * Shows the mount on `source` on `target` as well: the same file system with the same flags, so read only where that is.
 *
 * @param target absolute, over no symlinks
 * @throws {MovedFolderError} {KernelCallError}
 */
export async function mountBind(source: string, target: string): Promise<void> {
  await withHeldFolder(target, (held) => mountCall(source, target, null, mountFlags.bind, null, held));
}

export interface OverlayMount {
  /** Topmost first. */
  readonly lower: readonly string[];
  /** Both or neither; without them the overlay is read only. On one file system. */
  readonly upper?: string | undefined;
  readonly work?: string | undefined;
  /** Absolute, over no symlinks. */
  readonly target: string;
  /** Shown as the source in the mount table. */
  readonly source?: string | undefined;
  /** Set-user-ID programs and device nodes work: for the root of a container, in a place that nobody else reaches. */
  readonly suidAndDevices?: boolean | undefined;
  /** More options, such as `volatile`. */
  readonly options?: readonly string[] | undefined;
}

/** overlayfs takes `:` and `\` in a path only behind a backslash, and `,` ends an option. */
const overlayPath = (path: string): string => resolve(path).replace(/[\\:,]/g, (character) => `\\${character}`);

/** overlayfs of `lower`, writable when `upper` and `work` are given. @throws {MovedFolderError} {KernelCallError} */
export async function mountOverlay(overlay: OverlayMount): Promise<void> {
  const data = [`lowerdir=${overlay.lower.map(overlayPath).join(":")}`, ...(overlay.options ?? [])];
  const writable = overlay.upper !== undefined && overlay.work !== undefined;
  if (overlay.upper !== undefined && overlay.work !== undefined) {
    data.push(`upperdir=${overlayPath(overlay.upper)}`, `workdir=${overlayPath(overlay.work)}`);
  }
  const flags = (writable ? 0 : mountFlags.readOnly) | (overlay.suidAndDevices ? 0 : harmless);
  const { source = "overlay", target } = overlay;
  await withHeldFolder(target, (held) => mountCall(source, target, "overlay", flags, data.join(","), held));
}

export interface UnmountOptions {
  /** Takes the mount out of the tree now and ends it when the last user leaves. */
  readonly lazy?: boolean | undefined;
}

/**
 * Unmounts the topmost mount on `target`. Nothing mounted there: nothing done.
 *
 * @throws {MountBusyError} when somebody uses it and `lazy` is not set
 * @throws {KernelCallError} for any other refusal
 */
export async function unmount(target: string, options?: UnmountOptions): Promise<void> {
  try {
    await umountCall(target, umountFlags.noFollow | (options?.lazy ? umountFlags.detach : 0));
  } catch (error) {
    if (!(error instanceof KernelCallError)) throw error;
    if (error.code === "EINVAL" || error.code === "ENOENT") return;
    if (error.code === "EBUSY") throw new MountBusyError(target, await holdersOf(target), { cause: error });
    throw error;
  }
}

/**
 * Lazily unmounts these very mounts, the last first. One that another mount covers stays: what can be taken from there is the other one.
 *
 * @returns the targets of those that were unmounted
 */
export async function unmountEntries(entries: readonly MountEntry[]): Promise<string[]> {
  const targets: string[] = [];
  for (const entry of entries.toReversed()) {
    if ((await mountOn(entry.target))?.mountId !== entry.mountId) continue;
    await unmount(entry.target, { lazy: true });
    targets.push(entry.target);
  }
  return targets;
}

/** Ends the FUSE connection on `target` and takes the mount away, on this thread: for the last moments of a process. Every reader gets an error. */
export function abortMountSync(target: string): void {
  umountCallSync(target, umountFlags.force | umountFlags.detach);
}
