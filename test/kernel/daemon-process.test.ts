import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { convertImage } from "@sluice/converter";
import { TestRegistry } from "@sluice/oci/testing";
import { DaemonClient, isMountpoint, mountTable, NodePaths, Registries } from "@sluice/snapshotter";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { endOf } from "../support/other-process.js";
import { sluice, sluiceJson } from "../support/sluice.js";
import { programEntries, pushSmallImage } from "../support/small-image.js";

const execute = promisify(execFile);
const program = new URL("../../packages/cli/bin/sluice.js", import.meta.url).pathname;

const cat = async (path: string): Promise<string> => (await execute("cat", [path], { timeout: 60_000 })).stdout;

let registry: TestRegistry;
let registries: Registries;
let reference: string;
let folder: string;
let root: string;
let daemons: Set<number>;

beforeAll(async () => {
  registry = await TestRegistry.start();
  registries = new Registries();
  reference = `${registry.host}/tools:1`;
  const repository = registries.open({ reference });
  await pushSmallImage(repository, "1", {
    layers: [
      [
        { name: "etc", type: "directory" },
        { name: "etc/passwd", content: "root:x:0:0::/root:/bin/sh\napp:x:1000:1001::/home/app:/bin/sh\n" },
        { name: "etc/group", content: "app:x:1001:\nextra:x:44:app\n" },
        { name: "etc/hello", content: "hello\n" },
        ...(await programEntries("/bin/sh", "/bin/cat", "/bin/sleep", "/usr/bin/id")),
      ],
    ],
    config: { Cmd: ["/bin/sh", "-c", "echo default; exit 3"], Env: ["FROM_IMAGE=1"], WorkingDir: "/made/by/runc" },
  });
  const scratch = await mkdtemp(join(tmpdir(), "sluice-convert-"));
  await convertImage({ repository, target: "1", reference }, { root: scratch, threads: 1 });
  await rm(scratch, { recursive: true });
});
afterAll(async () => {
  await registries.close();
  await registry[Symbol.asyncDispose]();
});

beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "sluice-process-")));
  root = join(folder, "root");
  daemons = new Set();
});
afterEach(async () => {
  await sluice(["--root", root, "daemon", "stop", "--detach"]);
  for (const pid of daemons) {
    if (await isDaemon(pid)) process.kill(pid, "SIGKILL");
  }
  for (const { target } of (await mountTable()).toReversed()) {
    if (target.startsWith(folder)) await execute("umount", ["-l", target]);
  }
  await rm(folder, { recursive: true, force: true });
});

/** An image of one file, converted. */
const convertNamed = async (name: string): Promise<void> => {
  const image = `${registry.host}/many:${name}`;
  const repository = registries.open({ reference: image });
  await pushSmallImage(repository, name, { layers: [[{ name: "hello", content: `hello ${name}\n` }]] });
  const scratch = await mkdtemp(join(tmpdir(), "sluice-convert-"));
  await convertImage({ repository, target: name, reference: image }, { root: scratch, threads: 1 });
  await rm(scratch, { recursive: true });
};
const client = (): DaemonClient => new DaemonClient(new NodePaths(root).controlSocket);
const isDaemon = async (pid: number): Promise<boolean> =>
  readFile(`/proc/${pid}/cmdline`, "utf8").then(
    (line) => line.includes(root),
    () => false,
  );
const daemonPid = async (): Promise<number> => {
  const { pid } = await client().status();
  daemons.add(pid);
  return pid;
};
/** Keeper and daemon at once, so that neither brings the other back. */
const killBoth = async (): Promise<void> => {
  const { pid, keeper } = await client().status();
  const pids = [keeper?.pid ?? 0, pid];
  for (const each of pids) process.kill(each, "SIGSTOP");
  for (const each of pids) process.kill(each, "SIGKILL");
  for (const each of pids) await gone(each);
};
const gone = (pid: number): Promise<void> => expect.poll(() => isDaemon(pid), { timeout: 15_000 }).toBe(false);
const mountOn = async (name: string, ...flags: string[]): Promise<string> => {
  await mkdir(join(folder, name), { recursive: true });
  await sluiceJson(["--root", root, "mount", reference, join(folder, name), ...flags]);
  return join(folder, name);
};
const runImage = (...args: string[]) => sluice(["--root", root, "run", ...args]);
const containersLeft = (): Promise<string[]> => readdir(new NodePaths(root).containers);

describe("a daemon in the background", () => {
  it("is started by the verb that needs it, once, and ends when told to, leaving nothing mounted", async () => {
    const mountpoint = await mountOn("mnt");
    const pid = await daemonPid();
    await mountOn("other");
    expect(await daemonPid()).toBe(pid);
    expect(await cat(join(mountpoint, "etc/hello"))).toBe("hello\n");
    expect((await sluice(["--root", root, "daemon", "stop"])).code).toBe(0);
    await gone(pid);
    expect((await mountTable()).filter(({ target }) => target.startsWith(folder))).toEqual([]);
  });

  it("takes the place of one that was killed with its keeper: dead mounts go, the same mounts come back", async () => {
    const mountpoint = await mountOn("mnt");
    const writable = await mountOn("rw", "--writable");
    await writeFile(join(writable, "written"), "kept");
    const pid = await daemonPid();
    await killBoth();
    await sluiceJson(["--root", root, "daemon", "start"]);
    expect(await daemonPid()).not.toBe(pid);
    await expect.poll(async () => (await client().mounts()).length, { timeout: 10_000 }).toBe(2);
    expect(await cat(join(mountpoint, "etc/hello"))).toBe("hello\n");
    expect(await cat(join(writable, "written"))).toBe("kept");
    const targets = (await mountTable()).map(({ target }) => target).filter((target) => target.startsWith(folder));
    expect(new Set(targets).size).toBe(targets.length);
  });

  it("brings many mounts back at once from nothing but their registry, which has a name to look up", async () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    const environment = { UV_THREADPOOL_SIZE: "4" }; // libuv's own
    const named = registry.host.replace(/^.*:/, "localhost:");
    for (const name of names) {
      await convertNamed(name);
      await mkdir(join(folder, name));
      await sluiceJson(["--root", root, "mount", `${named}/many:${name}`, join(folder, name)], environment);
    }
    await killBoth();
    await rm(new NodePaths(root).store, { recursive: true });
    await sluiceJson(["--root", root, "daemon", "start"], environment);
    await daemonPid();
    await expect.poll(async () => (await client().mounts()).length, { timeout: 20_000 }).toBe(names.length);
    for (const name of names) expect(await cat(join(folder, name, "hello"))).toBe(`hello ${name}\n`);
  });

  it("counts for `daemon status` what was read", async () => {
    const mountpoint = await mountOn("mnt");
    await cat(join(mountpoint, "etc/hello"));
    const { reads } = (await sluiceJson(["--root", root, "daemon", "status"])) as {
      reads: { hits: number; misses: number };
    };
    await daemonPid();
    expect(reads.hits + reads.misses).toBeGreaterThan(0);
  });

  it("ends at SIGTERM with everything unmounted, and its mounts come back with the next", async () => {
    const mountpoint = await mountOn("mnt");
    const pid = await daemonPid();
    process.kill(pid, "SIGTERM");
    await gone(pid);
    expect(await isMountpoint(mountpoint)).toBe(false);
    await sluiceJson(["--root", root, "daemon", "start"]);
    await daemonPid();
    await expect.poll(() => isMountpoint(mountpoint), { timeout: 10_000 }).toBe(true);
  });

  it("serves in the foreground, as under a service manager, its log on stderr", async () => {
    const stdio = ["ignore", "ignore", "pipe"] as const;
    const daemon = spawn(process.execPath, [program, "--root", root, "daemon"], { stdio: [...stdio] });
    let log = "";
    daemon.stderr?.on("data", (bytes: Buffer) => {
      log += bytes.toString();
    });
    await expect.poll(() => log, { timeout: 30_000 }).toContain('"msg":"daemon serves"');
    const { mounts } = await sluiceJson(["--root", root, "daemon", "status"]);
    expect(mounts).toBe(0);
    daemon.kill("SIGTERM");
    expect(await endOf(daemon)).toBe(0);
    expect(log).toContain('"msg":"daemon stopped"');
  });

  it("is not joined by a second one", async () => {
    await sluiceJson(["--root", root, "daemon", "start"]);
    const pid = await daemonPid();
    const second = await sluice(["--root", root, "daemon"]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`(process ${pid})`);
    expect(second.stderr).not.toMatch(/(^|\\n) +at /m); // a fault of the caller's, not of the program
    expect(await daemonPid()).toBe(pid);
  });
});

describe("run", () => {
  it("runs what the image says and passes its exit code on", async () => {
    expect(await runImage(reference)).toMatchObject({ code: 3, stdout: "default\n" });
    expect(await containersLeft()).toEqual([]);
  });

  it("finds nothing of an image here that never ran here, and leaves what it read: `why` tells both", async () => {
    const why = () => sluiceJson(["--root", root, "why", reference]);
    expect(await why()).toMatchObject({ streamed: true, storedBytes: 0 });
    await runImage(reference);
    expect((await why())["storedBytes"]).toBeGreaterThan(0);
  });

  it("takes arguments, environment, volumes and a network from the caller", async () => {
    await mkdir(join(folder, "data"));
    await writeFile(join(folder, "data/in"), "from the host");
    const { stdout, stderr } = await runImage(
      reference,
      ...["--net", "none", "--env", "FROM_CALLER=2", "--volume", `${join(folder, "data")}:/data:ro`],
      ...["--", "/bin/sh", "-c", "cat /data/in; echo; echo $FROM_IMAGE $FROM_CALLER; pwd; echo x > /data/out"],
    );
    expect(stdout).toBe("from the host\n1 2\n/made/by/runc\n");
    expect(stderr).toMatch(/Read-only file system/i);
  });

  it("leaves the image as it was, whatever the container wrote", async () => {
    expect((await runImage(reference, "--", "/bin/sh", "-c", "echo new > /etc/hello")).code).toBe(0);
    expect((await runImage(reference, "--", "/bin/cat", "/etc/hello")).stdout).toBe("hello\n");
  });

  it("says what failed when the command is not there, once", async () => {
    const { code, stderr } = await runImage(reference, "--", "/no/such/program");
    expect(code).not.toBe(0);
    expect(stderr.split("\n").filter((line) => line.includes("/no/such/program"))).toHaveLength(1);
    const json = await runImage(reference, "-o", "json", "--", "/no/such/program");
    expect(JSON.parse(json.stderr.slice(json.stderr.indexOf('{"error"')))).toMatchObject({
      error: { code: "CONTAINER_START", message: expect.stringContaining("/no/such/program") },
    });
    expect(await containersLeft()).toEqual([]);
  });

  it("passes signals on and gives 128 + n when one ends the container", async () => {
    const running = await sleeping();
    running.kill("SIGINT");
    running.kill("SIGTERM");
    const ended = await endOf(running);
    expect([130, 143]).toContain(ended);
    expect(await containersLeft()).toEqual([]);
  });

  it("is cleared up after by the daemon when it is killed", async () => {
    const running = await sleeping();
    running.kill("SIGKILL");
    await endOf(running);
    await expect.poll(containersLeft, { timeout: 15_000 }).toEqual([]);
    expect(await client().mounts()).toEqual([]);
    await expect.poll(sleepers, { timeout: 5000 }).toEqual([]);
  });

  /** A container whose process ends at a signal, as soon as it runs. */
  const sleeping = async () => {
    const child = spawn(
      process.execPath,
      [
        program,
        "--root",
        root,
        "run",
        reference,
        "--",
        "/bin/sh",
        "-c",
        `trap 'exit 130' INT; trap 'exit 143' TERM; echo up; while : ${folder}; do sleep 0.2; done`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    for await (const piece of child.stdout) {
      if (String(piece).includes("up")) break;
    }
    await daemonPid();
    return child;
  };
  /** Processes of the container above. */
  const sleepers = async (): Promise<string[]> => {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
    const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
    return pids.filter((_, i) => lines[i]?.includes(`: ${folder}`));
  };
});
