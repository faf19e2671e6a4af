import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const program = new URL("../../packages/cli/bin/sluice.js", import.meta.url).pathname;

/** `sluice serve` in a process of its own, on a temporary data root. */
export interface RunningRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly pid: number;
  readonly root: string;
  /** Sends a signal. @returns the exit code, or the name of the signal that ended it */
  stop(signal: NodeJS.Signals): Promise<number | string>;
  /** Starts it again on the same data root, after it has ended. */
  restart(): Promise<void>;
}

/** Where it runs. Default: on this machine, at 127.0.0.1. */
export interface RegistrySite {
  readonly host: string;
  /** A shell script that gets the program's command line as its arguments and becomes it: `… exec "$@"`. */
  readonly script: string;
  /** For its data root. */
  readonly folder: string;
}

const here: RegistrySite = { host: "127.0.0.1", script: 'exec "$@"', folder: tmpdir() };

/** @param configuration the `serve` part of the configuration file @param env besides that of this process */
export async function startRegistry(
  configuration: object = {},
  env: Readonly<Record<string, string>> = {},
  where: Partial<RegistrySite> = {},
): Promise<RunningRegistry> {
  const site = { ...here, ...where };
  const root = await mkdtemp(join(site.folder, "sluice-registry-"));
  const config = join(root, "sluice.yaml");
  await writeFile(config, JSON.stringify({ serve: configuration }));
  let running = await serve(root, config, env, site);
  return {
    get host() {
      return running.host;
    },
    get pid() {
      return running.child.pid ?? 0;
    },
    root,
    stop: async (signal) => await stopped(running.child, signal),
    restart: async () => {
      running = await serve(root, config, env, site);
    },
    [Symbol.asyncDispose]: async () => {
      await stopped(running.child, "SIGTERM");
      await rm(root, { recursive: true, force: true });
    },
  };
}

async function serve(root: string, config: string, env: Readonly<Record<string, string>>, site: RegistrySite) {
  const words = [program, "--root", root, "--config", config, "serve", "--listen", `${site.host}:0`, "-o", "json"];
  const child = spawn("sh", ["-ec", site.script, "sh", process.execPath, ...words], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, SLUICE_LOG_LEVEL: "warn", ...env },
  });
  let text = "";
  for await (const bytes of child.stdout as AsyncIterable<Buffer>) {
    text += bytes.toString();
    if (text.endsWith("}\n")) break;
  }
  const { url } = JSON.parse(text) as { url: string }; // by contract
  return { child, host: url.replace(/^https?:\/\//, "") };
}

async function stopped(child: ReturnType<typeof spawn>, signal: NodeJS.Signals): Promise<number | string> {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill(signal);
    await once(child, "exit");
  }
  return child.exitCode ?? child.signalCode ?? "";
}
