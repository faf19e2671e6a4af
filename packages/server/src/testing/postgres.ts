import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync } from "node:fs";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";

const run = promisify(execFile);

/** Debian's place, by version. */
const folders = existsSync("/usr/lib/postgresql") ? readdirSync("/usr/lib/postgresql").sort() : [];
const newest = folders.at(-1);
const programs = newest === undefined ? undefined : `/usr/lib/postgresql/${newest}/bin`;

/** Empty when PostgreSQL can be started here. */
export const missingPostgres: string =
  programs !== undefined && existsSync(join(programs, "initdb")) ? "" : "needs initdb: apt-get install postgresql";

/** A PostgreSQL of the test's own: in a temporary folder, on a socket there, without root's rights, which it refuses. */
export interface TestPostgres extends AsyncDisposable {
  /** Makes an empty database. @returns its URL */
  newDatabase(): Promise<string>;
}

export async function startPostgres(): Promise<TestPostgres> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-postgres-"));
  const ids = await idsOf(userInfo().uid === 0 ? "postgres" : userInfo().username);
  await chown(folder, ids.uid, ids.gid);
  const data = join(folder, "data");
  await run(join(programs ?? "", "initdb"), ["-D", data, "-U", "sluice", "--auth=trust", "--no-sync", "-E", "UTF8"], {
    ...ids,
    cwd: folder,
  });
  // Its data is thrown away: it need not reach the disk.
  const settings = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=100", "-k", folder];
  const server = spawn(join(programs ?? "", "postgres"), ["-D", data, ...settings], {
    ...ids,
    cwd: folder,
    stdio: "ignore",
  });
  const urlOf = (database: string): string =>
    `postgres://sluice@localhost/${database}?host=${encodeURIComponent(folder)}`;
  const admin = await connected(urlOf("postgres"), () => server.exitCode);
  let count = 0;
  return {
    newDatabase: async () => {
      const name = `test${count++}`;
      await admin.query(`create database ${name}`);
      return urlOf(name);
    },
    [Symbol.asyncDispose]: async () => {
      await admin.end();
      server.kill("SIGINT");
      await once(server, "exit");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function idsOf(user: string): Promise<{ uid: number; gid: number }> {
  const [uid, gid] = await Promise.all(
    ["-u", "-g"].map(async (flag) => Number((await run("id", [flag, user])).stdout)),
  );
  return { uid: uid ?? 0, gid: gid ?? 0 };
}

async function connected(url: string, exitCode: () => number | null): Promise<pg.Client> {
  for (;;) {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return client;
    } catch (error) {
      if (exitCode() !== null) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
