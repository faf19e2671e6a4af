import { randomUUID } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import { z } from "zod";
import { isErrno } from "./errno.js";

/** Who holds a lock, as its file says. A process number means something only in its own boot and PID namespace. */
export interface LockOwner {
  /** Of this one holding; part of a file's name. */
  readonly token: string;
  readonly pid: number;
  /** When the process started: numbers are given out again. */
  readonly startTicks: string;
  readonly bootId: string;
  /** Such as `pid:[4026531836]`. */
  readonly pidNamespace: string;
}

const ownerSchema = z.object({
  token: z.string().regex(/^[0-9a-f]{8}$/),
  pid: z.int().positive(),
  startTicks: z.string().min(1),
  bootId: z.string().min(1),
  pidNamespace: z.string().min(1),
});

/** This process, with a new token. */
export async function newOwner(): Promise<LockOwner> {
  const [startTicks, bootId, pidNamespace] = await Promise.all([
    startTicksOf(process.pid),
    readFile("/proc/sys/kernel/random/boot_id", "utf8"),
    readlink("/proc/self/ns/pid"),
  ]);
  return {
    token: randomUUID().slice(0, 8),
    pid: process.pid,
    startTicks: startTicks ?? "unknown",
    bootId: bootId.trim(),
    pidNamespace,
  };
}

export const ownerText = (owner: LockOwner): string => JSON.stringify(owner);

/** Undefined for what no holder of ours has written whole. */
export function parseOwner(text: string): LockOwner | undefined {
  try {
    return ownerSchema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Whether the owner's process runs; `unknown` when it is not one that can be seen from here. */
export async function stateOf(owner: LockOwner): Promise<"alive" | "gone" | "unknown"> {
  const here = await newOwner();
  if (owner.bootId !== here.bootId || owner.pidNamespace !== here.pidNamespace) return "unknown";
  return (await startTicksOf(owner.pid)) === owner.startTicks ? "alive" : "gone";
}

/** Field 22 of `/proc/PID/stat` (proc_pid_stat(5)); undefined when there is no such process, or only its remains. */
async function startTicksOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "latin1");
    const [state, ...others] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return state === "Z" || state === "X" ? undefined : others[18];
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ESRCH")) return undefined;
    throw error;
  }
}
