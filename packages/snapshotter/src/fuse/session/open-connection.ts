import { closeSync } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { setReadAhead } from "../kernel/connection.js";
import { cloneFuseDevice, connectFuseDevice, openFuseDevice } from "../kernel/device.js";
import { mountFuse, unmount } from "../kernel/mount.js";
import { mountOn } from "../kernel/mount-table.js";
import { canResend, FuseProtocolError, type InitParameters, type InitWishes, negotiate } from "../protocol/init.js";
import { RequestView } from "../protocol/request.js";
import { receive, sendPieces } from "../serve/device.js";

/** A mounted connection, ready to be served: what a process must hand over for another to go on where it stopped. */
export interface FuseConnectionState {
  readonly mountpoint: string;
  /** Descriptors of /dev/fuse, one a worker. All of them: see {@link cloneFuseDevice}. */
  readonly fds: readonly number[];
  /** One more that nobody serves: it keeps the connection alive while the others are closed. */
  readonly holder?: number | undefined;
  readonly init: InitParameters;
  /** The inode that the next disk gets. */
  readonly nextInode: number;
}

/** How a connection is begun. */
export interface ConnectionOptions extends InitWishes {
  readonly workers: number;
  /**
   * Descriptors of /dev/fuse that are connected to nothing yet, and that a keeper has open as well, so that the connection outlives this process. Taken over;
   * one worker a descriptor.
   */
  readonly devices?: readonly number[] | undefined;
}

/** Another process serves this mount point. */
export class MountInUseError extends Error {
  override readonly name = "MountInUseError";
  readonly code = "MOUNT_IN_USE";
  constructor(mountpoint: string) {
    super(`${mountpoint}: a living sluice serves it already. Use another data root or stop that daemon`);
  }
}

/** Takes away what a server that died left behind: a mount whose every use fails with ENOTCONN. */
async function clearStale(mountpoint: string): Promise<void> {
  while ((await mountOn(mountpoint))?.type.startsWith("fuse")) {
    const alive = await stat(mountpoint).then(
      () => true,
      (error: unknown) => !(error instanceof Error && "code" in error && error.code === "ENOTCONN"),
    );
    if (alive) throw new MountInUseError(mountpoint);
    await unmount(mountpoint, { lazy: true });
  }
}

/**
 * Mounts a new connection on `mountpoint` (made if need be) and answers its INIT. When it throws, nothing is mounted, and descriptors of its own are closed.
 */
export async function openConnection(mountpoint: string, options: ConnectionOptions): Promise<FuseConnectionState> {
  const { workers, readAheadBytes, devices = [] } = options;
  await clearStale(mountpoint);
  await mkdir(mountpoint, { recursive: true, mode: 0o700 });
  const first = devices[0] ?? openFuseDevice();
  const made = devices.length === 0 ? [first] : [];
  let mounted = false;
  try {
    await mountFuse(mountpoint, first, { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 });
    mounted = true;
    const init = answerInit(first, options);
    if (readAheadBytes > init.maxReadAheadBytes) await setReadAhead(mountpoint, readAheadBytes);
    if (devices.length === 0) {
      while (made.length < workers) made.push(cloneFuseDevice(first));
      return { mountpoint, fds: made, init, nextInode: 0 };
    }
    for (const device of devices.slice(1)) connectFuseDevice(device, first);
    return resumeConnection({ mountpoint, init, nextInode: 0 }, devices);
  } catch (error) {
    if (mounted) await unmount(mountpoint, { lazy: true });
    for (const fd of made) closeSync(fd);
    throw error;
  }
}

/**
 * A connection that an earlier process began on descriptors that this one inherited.
 *
 * Where the kernel cannot send requests again, the workers get descriptors that die with this process: the kernel then fails the requests that were read from
 * them at once, and no reader waits for an answer that never comes.
 */
export function resumeConnection(
  known: Omit<FuseConnectionState, "fds" | "holder">,
  devices: readonly number[],
): FuseConnectionState {
  const [first = -1] = devices;
  if (canResend(known.init)) return { ...known, fds: devices };
  return { ...known, fds: devices.map(() => cloneFuseDevice(first)), holder: first };
}

/** The kernel has queued INIT before mount(2) returns, so this does not wait. */
function answerInit(fd: number, wishes: InitWishes): InitParameters {
  const request = new RequestView();
  if (!receive(fd, request)) throw new FuseProtocolError("/dev/fuse: the connection ended before it began");
  const { init, reply } = negotiate(request, wishes);
  sendPieces(fd, [reply]);
  return init;
}
