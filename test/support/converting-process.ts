import { readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { constants } from "node:os";

/** Ids of the converting processes that `parent` has started. */
async function convertingProcesses(parent: number): Promise<readonly number[]> {
  const found: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const [stat, command] = await Promise.all(
      ["stat", "cmdline"].map((file) => readFile(`/proc/${name}/${file}`, "utf8").catch(() => "")),
    );
    // proc(5): behind the command's name in parentheses stand the state and the parent.
    const parentOf = Number(stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    if (parentOf === parent && command?.includes("conversion-process")) found.push(Number(name));
  }
  return found;
}

/** Stops the converting process of `parent` in its tracks, at the first moment when `isTime`. @returns its id; undefined when it ended before */
export async function freezeConverting(
  parent: number,
  isTime: () => boolean = () => true,
): Promise<number | undefined> {
  let pid: number | undefined;
  while (pid === undefined) [pid] = await convertingProcesses(parent);
  while (isAlive(pid)) {
    if (!isTime()) continue;
    process.kill(pid, "SIGSTOP");
    return pid;
  }
  return undefined;
}

/** Whether a process that stands still has been asked to end, and will be as soon as it goes on. */
export function isAskedToEnd(pid: number): boolean {
  const [, mask = "0"] = /^ShdPnd:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  const ofTerm = 1n << BigInt(constants.signals.SIGTERM - 1);
  return (BigInt(`0x${mask}`) & ofTerm) !== 0n;
}

/** Whether there is a process of this id that is no corpse. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z") === false;
  } catch {
    return false;
  }
}
