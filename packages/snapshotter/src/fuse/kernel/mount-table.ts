import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

/** One line of `/proc/self/mountinfo`. proc_pid_mountinfo(5) */
export interface MountEntry {
  readonly mountId: number;
  /** `major:minor` of the file system's device, anonymous ones included. */
  readonly device: string;
  readonly target: string;
  readonly type: string;
  readonly source: string;
  /** Of the file system: what comes last in the line. Not unescaped. */
  readonly options: string;
}

/** The kernel writes space, tab, newline and backslash in octal. */
const unescaped = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** Lines that are not of the expected form are left out. */
export function parseMountTable(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split("\n")) {
    const [left, right] = line.split(" - ");
    const [mountId, , device, , target] = (left ?? "").split(" ");
    const [type, source, options = ""] = (right ?? "").split(" ");
    if (mountId === undefined || device === undefined || target === undefined) continue;
    if (type === undefined || source === undefined) continue;
    entries.push({
      mountId: Number(mountId),
      device,
      target: unescaped(target),
      type,
      source: unescaped(source),
      options,
    });
  }
  return entries;
}

/** Every mount of this process's mount namespace, in the kernel's order: a later one on the same target covers an earlier one. */
export async function mountTable(): Promise<MountEntry[]> {
  return parseMountTable(await readFile("/proc/self/mountinfo", "utf8"));
}

/** The topmost mount on `target`, which must be spelled as it was mounted (no symlinks). */
export async function mountOn(target: string): Promise<MountEntry | undefined> {
  const path = resolve(target);
  return (await mountTable()).findLast((entry) => entry.target === path);
}

/** Whether something is mounted on exactly this path. */
export async function isMountpoint(target: string): Promise<boolean> {
  return (await mountOn(target)) !== undefined;
}
