import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { WorkerOptions } from "@sluice/server";

const program = new URL("../../packages/cli/bin/sluice.js", import.meta.url).pathname;
/** As `sluice worker`, with a lease that a test can wait for. Milliseconds. */
const leaseMs = 3_000;

const script = `
  import { createRequire } from "node:module";
  import { createWorker } from "@sluice/server";
  const { pino } = createRequire(import.meta.resolve("@sluice/server"))("pino");
  const [root, shared, leaseMs] = process.argv.slice(1);
  const log = pino({ level: "warn" }, pino.destination(2));
  const conversions = { leaseMs: Number(leaseMs), pollMs: 100 };
  const worker = await createWorker({ root, shared: JSON.parse(shared), log, conversions });
  console.log("ready");
  await new Promise((resolve) => process.once("SIGTERM", resolve));
  await worker[Symbol.asyncDispose]();
`;

/** A worker in a process of its own, on a temporary data root. */
export interface WorkerProcess extends AsyncDisposable {
  readonly pid: number;
}

/** @param config the configuration file of the registry */
export const startWorkerProgram = (config: string): Promise<WorkerProcess> =>
  start((root) => [program, "--root", root, "--config", config, "worker", "--conversions", "1"]);

/** A worker that takes up what another one died over in seconds. */
export const startQuickWorker = (shared: WorkerOptions["shared"]): Promise<WorkerProcess> =>
  start((root) => ["--input-type=module", "-e", script, root, JSON.stringify(shared), String(leaseMs)]);

async function start(args: (root: string) => readonly string[]): Promise<WorkerProcess> {
  const root = await mkdtemp(join(tmpdir(), "sluice-worker-"));
  const cwd = fileURLToPath(new URL("..", import.meta.url));
  const env = { ...process.env, SLUICE_LOG_LEVEL: "warn" };
  const child = spawn(process.execPath, args(root), { cwd, env, stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return {
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      await rm(root, { recursive: true, force: true });
    },
  };
}
