import { readdir, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../state/errno.js";
import type { ProcessIdentity } from "../state/process-identity.js";

/** What is left of a process. */
export type Remains =
  /** It may still do anything. */
  | "alive"
  /** Killed, and every thread that is left waits inside the kernel, from where it never comes back to its program. */
  | "doomed"
  | "gone";

/** A killed thread that runs has left its program after this. Milliseconds. */
const lookEveryMs = 20;

/**
 * Waits until a process can do nothing any more: it is gone, or doomed. A doomed one may be waiting for a read that only its successor answers, and holds its files
 * and locks until then.
 *
 * @param maxMs afterwards it is told as it is
 */
export async function waitForEnd(process: ProcessIdentity, maxMs: number): Promise<Remains> {
  const end = performance.now() + maxMs;
  for (let doomedBefore = false; ; ) {
    const remains = await remainsOf(process);
    if (remains === "gone" || (remains === "doomed" && doomedBefore)) return remains;
    if (performance.now() > end) return remains;
    doomedBefore = remains === "doomed";
    await sleep(lookEveryMs);
  }
}

/** Waits until nothing is left of a process that is doomed. @returns whether that is so */
export async function waitUntilGone(process: ProcessIdentity, maxMs: number): Promise<boolean> {
  const end = performance.now() + maxMs;
  while ((await remainsOf(process)) !== "gone") {
    if (performance.now() > end) return false;
    await sleep(lookEveryMs);
  }
  return true;
}

async function remainsOf({ pid, startTicks, bootId }: ProcessIdentity): Promise<Remains> {
  try {
    if ((await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim() !== bootId) return "gone";
    const fields = fieldsOf(await readFile(`/proc/${pid}/stat`, "latin1"));
    if (Number(fields[19]) !== startTicks) return "gone";
    const threads = await readdir(`/proc/${pid}/task`);
    const states = await Promise.all(threads.map((thread) => threadState(pid, thread)));
    const left = states.filter((state) => state !== "ended");
    if (fields[0] === "Z" && left.length === 0) return "gone";
    return left.every((state) => state === "stuck") ? "doomed" : "alive";
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return "gone";
    throw error;
  }
}

/** From the state on, which is field 3 of proc_pid_stat(5). The command before it may hold anything, parentheses too. */
const fieldsOf = (stat: string): string[] => stat.slice(stat.lastIndexOf(")") + 2).split(" ");

const sigkill = 1n << 8n;

/** `stuck`: killed, and asleep where no signal wakes it. */
async function threadState(pid: number, thread: string): Promise<"ended" | "stuck" | "running"> {
  try {
    const status = await readFile(`/proc/${pid}/task/${thread}/status`, "latin1");
    const state = /^State:\s*(\w)/m.exec(status)?.[1] ?? "";
    if (state === "Z" || state === "X") return "ended";
    const pending = BigInt(`0x${/^SigPnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
    return state === "D" && (pending & sigkill) !== 0n ? "stuck" : "running";
  } catch (error) {
    if (isErrno(error, "ENOENT", "ESRCH")) return "ended";
    throw error;
  }
}
