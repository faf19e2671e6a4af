import { existsSync } from "node:fs";
import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A control group of its own for one process, which the kernel ends when it takes more memory than it may. */
interface MemoryGroup {
  /** Where groups are made. */
  readonly parent: string;
  readonly limit: string;
  readonly events: string;
}

const one: MemoryGroup = {
  parent: "/sys/fs/cgroup/memory",
  limit: "memory.limit_in_bytes",
  events: "memory.oom_control",
};
const two: MemoryGroup = { parent: "/sys/fs/cgroup", limit: "memory.max", events: "memory.events" };

/** Undefined where the memory of control groups is not to be had, as in most containers. */
async function memoryGroups(): Promise<MemoryGroup | undefined> {
  if (existsSync(join(one.parent, one.limit))) return one;
  const controllers = await readFile(join(two.parent, "cgroup.subtree_control"), "utf8").catch(() => "");
  return controllers.includes("memory") ? two : undefined;
}

/** Why {@link endByMemory} cannot work here; empty if it can. */
export async function whyNoMemoryLimit(): Promise<string> {
  const groups = await memoryGroups();
  if (groups === undefined) return "(no memory controller of control groups)";
  const folder = join(groups.parent, `sluice-probe-${process.pid}`);
  try {
    await mkdir(folder);
    await rmdir(folder);
    return "";
  } catch (error) {
    return `(no control group can be made: ${error instanceof Error ? error.message : String(error)})`;
  }
}

/**
 * Lets a process take no more memory than it has, until the kernel has killed it for what it wanted.
 * @param provoke makes it want more. Called until it is dead
 */
export async function endByMemory(pid: number, provoke: () => Promise<unknown>): Promise<void> {
  const groups = await memoryGroups();
  if (groups === undefined) throw new Error("no memory controller");
  const folder = join(groups.parent, `sluice-test-${pid}`);
  await mkdir(folder);
  try {
    await writeFile(join(folder, groups.limit), String(2 ** 20)); // what it has counts for the group it comes from
    await writeFile(join(folder, "cgroup.procs"), String(pid));
    const end = performance.now() + 30_000;
    while (!(await hasKilled(join(folder, groups.events)))) {
      if (performance.now() > end) throw new Error("the kernel did not kill it within 30 s");
      await provoke();
    }
  } finally {
    await removeEmptied(folder);
  }
}

const hasKilled = async (events: string): Promise<boolean> =>
  Number(/^oom_kill (\d+)$/m.exec(await readFile(events, "utf8"))?.[1] ?? 0) > 0;

/** A process that was killed is in its group for as long as a thread of it waits in the kernel. */
async function removeEmptied(folder: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await rmdir(folder);
      return;
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
