import { readFile } from "node:fs/promises";

/** Bit of SIGKILL in the masks of `/proc/<tid>/status`. */
const sigkill = 1n << 8n;

/**
 * Whether a thread is about to die: the kernel marks every thread of a process with SIGKILL as soon as a signal is going to end it, whatever the
 * signal was (kernel/signal.c complete_signal). A thread that is gone counts as dying.
 */
export async function isDying(tid: number): Promise<boolean> {
  try {
    const status = await readFile(`/proc/${tid}/status`, "latin1");
    const pending = /^SigPnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
    return (BigInt(`0x${pending}`) & sigkill) !== 0n;
  } catch {
    return true;
  }
}
