import { writeFileSync } from "node:fs";
import { readdir, stat, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { mountCall } from "./libc.js";
import { mountOn } from "./mount-table.js";

/** Where the kernel keeps one folder per FUSE connection. Documentation/filesystems/fuse.rst "The 'fuse' control filesystem" */
const connections = "/sys/fs/fuse/connections";

/** A mounted FUSE connection, by the minor number of its anonymous device. */
export interface FuseConnection {
  readonly number: number;
}

/** Mounts the control file system, if nobody did. Where that is not allowed, {@link abortConnection} says false. */
export async function ensureControl(): Promise<void> {
  const present = await readdir(connections).catch(() => undefined);
  if (present === undefined || present.length > 0 || (await mountOn(connections)) !== undefined) return;
  await mountCall("fusectl", connections, "fusectl", 0, null).catch(() => undefined);
}

/** The connection mounted on `target`, or nothing when it is no FUSE mount. */
export async function connectionOn(target: string): Promise<FuseConnection | undefined> {
  const entry = await mountOn(target);
  if (!entry?.type.startsWith("fuse")) return undefined;
  const [major, minor] = entry.device.split(":").map(Number);
  if (major === undefined || minor === undefined) return undefined;
  // The kernel prints s_dev as its own dev_t: 12 bits of major above 20 bits of minor. fs/fuse/control.c, include/linux/kdev_t.h
  return { number: major * 2 ** 20 + minor };
}

/** How often a connection that is about to end is looked at. Milliseconds. */
const pollMs = 200;

/**
 * Resolves when the kernel has let go of the connection: the last user of its last mount has left, in whatever mount namespace. Never, where the
 * control file system is not there to tell.
 */
export async function connectionEnded(connection: FuseConnection): Promise<void> {
  const isThere = (path: string): Promise<boolean> =>
    stat(path).then(
      () => true,
      () => false,
    );
  const folder = `${connections}/${connection.number}`;
  const canTell = (await mountOn(connections)) !== undefined;
  while (!canTell || (await isThere(folder))) await sleep(pollMs, undefined, { ref: false });
}

/**
 * Ends the connection at once: every waiting request fails with ECONNABORTED, every read of the device with ENODEV. Synchronous, because the last
 * moment to do it is inside an exit handler. A connection that is gone already counts as ended.
 *
 * @returns whether the kernel took it (fusectl may not be mounted)
 */
export function abortConnection(connection: FuseConnection): boolean {
  try {
    writeFileSync(`${connections}/${connection.number}/abort`, "1");
    return true;
  } catch {
    return false;
  }
}

/** How far the kernel reads ahead on a file of this file system. The mount's own INIT can only lower it. @see Documentation/ABI/testing/sysfs-class-bdi */
export async function setReadAhead(target: string, sizeBytes: number): Promise<void> {
  const entry = await mountOn(target);
  if (entry === undefined) throw new Error(`${target}: nothing is mounted there`);
  await writeFile(`/sys/class/bdi/${entry.device}/read_ahead_kb`, String(Math.floor(sizeBytes / 1024)));
}
