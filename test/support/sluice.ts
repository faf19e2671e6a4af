import { spawn } from "node:child_process";
import { once } from "node:events";

export const program: string = new URL("../../packages/cli/bin/sluice.js", import.meta.url).pathname;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program as a user would, with `input` on stdin, and waits for its end. */
export async function sluice(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  input = "",
): Promise<Outcome> {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.on("error", () => undefined); // it may end without reading
  child.stdin.end(input);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on("data", (bytes: Buffer) => out.push(bytes));
  child.stderr.on("data", (bytes: Buffer) => err.push(bytes));
  const [code] = (await once(child, "close")) as [number | null]; // the event's first argument
  return { code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}

/** Runs a verb with `-o json` and gives its document. @throws {Error} with what it said when it did not exit 0 */
export async function sluiceJson(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await sluice([...args, "-o", "json"], env);
  if (code !== 0) throw new Error(`sluice ${args.join(" ")} exited ${code}: ${stderr}`);
  return JSON.parse(stdout) as Record<string, unknown>; // one document, by contract
}
