import { execFile } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Where and on what a figure was made. */
export interface Machine {
  readonly commit: string;
  readonly machine: {
    readonly processors: number;
    readonly model: string;
    readonly memoryBytes: number;
    readonly kernel: string;
    readonly node: string;
  };
}

export async function thisMachine(): Promise<Machine> {
  const checkout = fileURLToPath(new URL("../..", import.meta.url));
  const { stdout } = await promisify(execFile)("git", ["rev-parse", "HEAD"], { cwd: checkout });
  const processors = cpus();
  return {
    commit: stdout.trim(),
    machine: {
      processors: processors.length,
      model: processors[0]?.model ?? "",
      memoryBytes: totalmem(),
      kernel: release(),
      node: process.version,
    },
  };
}

/** The upper one of the two in the middle; 0 of nothing. */
export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** Two digits behind the point. */
export const rounded = (value: number): number => Math.round(value * 100) / 100;
