import { closeSync, openSync, readdirSync, readlinkSync } from "node:fs";
import { unshareCall } from "./libc.js";

/** CLONE_FILES. unshare(2) */
const filesFlag = 0x400;
/** What an event loop waits with: its own end of it must stay. proc_pid_fd(5) */
const eventLoopTarget = /^anon_inode:/;

/**
 * Gives the calling thread a table of descriptors of its own, with nothing in it but its event loop's, what `keep` names, and /dev/null in the places of the
 * standard streams.
 *
 * Why: a thread may be inside a call that no signal ends. When the process is killed, its descriptors close with its *last* thread; were they shared with this one,
 * its pipes, sockets and files would stay open for as long as that call takes, and nobody would learn that the process is dead.
 *
 * The thread must start no other threads afterwards: they would share its table; and it must use descriptors of other threads no more. What its event loop holds stays open in
 * the table of the process when this thread ends: three descriptors.
 *
 * @throws {KernelCallError} where unshare(2) is not allowed
 */
export function takeOwnDescriptors(keep: ReadonlySet<number>): void {
  unshareCall(filesFlag);
  for (const name of readdirSync("/proc/thread-self/fd")) {
    const fd = Number(name);
    if (keep.has(fd) || eventLoopTarget.test(targetOf(fd))) continue;
    try {
      closeSync(fd);
    } catch {
      // the one that listed them
    }
  }
  let fd = openSync("/dev/null", "r+");
  while (fd < 3) fd = openSync("/dev/null", "r+");
  closeSync(fd);
}

function targetOf(fd: number): string {
  try {
    return readlinkSync(`/proc/thread-self/fd/${fd}`);
  } catch {
    return "";
  }
}
