import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Runs a program to its end and gives what it printed. A mount must never be read from the process that serves it. @throws when it fails */
export async function output(command: string, args: readonly string[]): Promise<string> {
  const { stdout } = await run(command, args, { encoding: "latin1", timeout: 120_000, maxBuffer: 2 ** 26 });
  return stdout;
}

/** Runs a program that is expected to fail and gives what it said. @throws when it does not fail */
export async function complaint(command: string, args: readonly string[]): Promise<string> {
  try {
    await output(command, args);
  } catch (error) {
    return error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
  }
  throw new Error(`${command} ${args.join(" ")} did not fail`);
}

/** sha256 of a file as another process reads it. */
export const sha256Of = async (path: string): Promise<string> =>
  (await output("sha256sum", [path])).replace(/ .*\n$/s, "");

/** Starts a program and goes on. */
export function started(command: string, args: readonly string[]): ChildProcess & { readonly pid: number } {
  const child = spawn(command, args, { stdio: "ignore" });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} did not start`);
  return Object.assign(child, { pid });
}

/** Waits for the end of a program. @returns its exit code, or the signal that ended it */
export async function endOf(child: ChildProcess): Promise<number | string | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return child.exitCode ?? child.signalCode;
}
