import { readFile } from "node:fs/promises";

const bit = (signal: number): bigint => 1n << BigInt(signal - 1);

/** SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH: by default these end no process. signal(7) */
const harmless = [17, 18, 19, 20, 21, 22, 23, 28].reduce((mask, signal) => mask | bit(signal), 0n);
const sigkill = bit(9);

/**
 * Whether a signal is on its way that will end the process of this thread: SIGKILL, which the kernel also marks on every thread of a process that another
 * signal is about to end, or one that the process neither blocks, ignores nor handles.
 *
 * @param status the text of `/proc/<tid>/status`. proc_pid_status(5)
 */
export function isDyingStatus(status: string): boolean {
  const mask = (name: string): bigint =>
    BigInt(`0x${new RegExp(`^${name}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1] ?? "0"}`);
  const pending = mask("SigPnd") | mask("ShdPnd");
  const deadly = pending & ~mask("SigBlk") & ~mask("SigIgn") & ~mask("SigCgt") & ~harmless;
  return (pending & sigkill) !== 0n || deadly !== 0n;
}

/**
 * {@link isDyingStatus} of a living thread; one that is gone counts as dying. 0, which the kernel gives for nobody and for a thread that
 * another PID namespace hides from ours, does not: it may well live.
 */
export async function isDying(tid: number): Promise<boolean> {
  if (tid === 0) return false;
  try {
    return isDyingStatus(await readFile(`/proc/${tid}/status`, "latin1"));
  } catch {
    return true;
  }
}
