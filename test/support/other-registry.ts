import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A registry that others wrote, on files of its own. */
export interface OtherRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
}

interface OtherRegistryOptions {
  /** Default: one that is free. */
  readonly port?: number;
  /** Told of each push. */
  readonly notify?: string;
}

/** @param program `docker-registry` or `registry`: versions 2 and 3 of distribution take one configuration */
export async function startOtherRegistry(program: string, options: OtherRegistryOptions = {}): Promise<OtherRegistry> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-other-registry-"));
  const port = options.port ?? (await freePort());
  const endpoint = { name: "sluice", url: options.notify, timeout: "5s", threshold: 3, backoff: "100ms" };
  const config = join(folder, "config.yml");
  await writeFile(
    config,
    JSON.stringify({
      version: "0.1",
      log: { level: "error", accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(folder, "data") }, delete: { enabled: true } },
      http: { addr: `127.0.0.1:${port}` },
      ...(options.notify !== undefined && { notifications: { endpoints: [endpoint] } }),
    }),
  );
  const child = spawn(program, ["serve", config], { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}`;
  while (!(await answers(url))) {
    if (child.exitCode !== null) throw new Error(`${program} ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const answers = (url: string): Promise<boolean> =>
  fetch(`${url}/v2/`).then(
    ({ ok }) => ok,
    () => false,
  );

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}
