import { closeSync } from "node:fs";
import { mkdir, stat } from "node:fs/promises";
import { setReadAhead } from "../kernel/connection.js";
import { cloneFuseDevice, openFuseDevice } from "../kernel/device.js";
import { mountFuse, unmount } from "../kernel/mount.js";
import { mountOn } from "../kernel/mount-table.js";
import { FuseProtocolError, type InitParameters, negotiate } from "../protocol/init.js";
import { RequestView } from "../protocol/request.js";
import { receive, sendPieces } from "../serve/device.js";

/** A mounted connection, ready to be served: what a process must hand over for another to go on where it stopped. */
export interface FuseConnectionState {
  readonly mountpoint: string;
  /** Descriptors of /dev/fuse, one a worker. All of them: see {@link cloneFuseDevice}. */
  readonly fds: readonly number[];
  readonly init: InitParameters;
  /** The inode that the next disk gets. */
  readonly nextInode: number;
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

/** Mounts a new connection on `mountpoint` (made if need be) and answers its INIT. Leaves nothing behind when it throws. */
export async function openConnection(
  mountpoint: string,
  workers: number,
  readAheadBytes: number,
): Promise<FuseConnectionState> {
  await clearStale(mountpoint);
  await mkdir(mountpoint, { recursive: true, mode: 0o700 });
  const fds = [openFuseDevice()];
  let mounted = false;
  try {
    const [first] = fds as [number];
    await mountFuse(mountpoint, first, { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 });
    mounted = true;
    const init = answerInit(first, readAheadBytes);
    if (readAheadBytes > init.maxReadAheadBytes) await setReadAhead(mountpoint, readAheadBytes);
    while (fds.length < workers) fds.push(cloneFuseDevice(first));
    return { mountpoint, fds, init, nextInode: 0 };
  } catch (error) {
    if (mounted) await unmount(mountpoint, { lazy: true });
    for (const fd of fds) closeSync(fd);
    throw error;
  }
}

/** The kernel has queued INIT before mount(2) returns, so this does not wait. */
function answerInit(fd: number, readAheadBytes: number): InitParameters {
  const request = new RequestView();
  if (!receive(fd, request)) throw new FuseProtocolError("/dev/fuse: the connection ended before it began");
  const { init, reply } = negotiate(request, readAheadBytes);
  sendPieces(fd, [reply]);
  return init;
}
