import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { convertImage } from "@sluice/converter";
import { missingPrograms, toolsFolder } from "@sluice/oci/testing";
import { mountTable, Registries } from "@sluice/snapshotter";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeptNode } from "../support/kept-node.js";
import { RunningContainerd } from "../support/running-containerd.js";
import { RunningService } from "../support/running-service.js";
import { eventually } from "../support/served-disk.js";
import { programEntries, pushSmallImage } from "../support/small-image.js";

const missing = missingPrograms({ containerd: "containerd", runc: "runc" });
// Debian's, and a newer one where somebody has put it.
const wanted = ["/usr/bin/containerd", join(toolsFolder, "containerd2/bin/containerd")];
const programs = wanted.filter((program) => existsSync(program));
for (const program of wanted.filter((one) => !existsSync(one))) {
  it.skip(`${program}: not there; the CI script installs it, with Go for containerd 2`, () => undefined);
}

const execute = promisify(execFile);
const socket = join(tmpdir(), `sluice-${process.pid}`, "s.sock");
const big = randomBytes(3_000_000);
const small = randomBytes(10_000);
const sum = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** The page cache of the FUSE files in this folder. */
async function dropDiskPages(folder: string): Promise<void> {
  await execute("sh", ["-c", 'for f in "$0"/*; do dd if="$f" iflag=nocache count=0 status=none; done', folder]);
}

/** The transfer service pulls for `ctr` since containerd 2. */
const isSecond = (program: string): boolean => program.includes("containerd2");

describe.skipIf(missing !== "").each(programs)(`images through %s ${missing}`, (program) => {
  let node: KeptNode;
  let service: RunningService;
  let containerd: RunningContainerd;
  let streamed: string;
  let plain: string;
  beforeAll(async () => {
    node = await KeptNode.create({ SLUICE_SNAPSHOTTER_ADDRESS: socket });
    const { host } = node.registry;
    [streamed, plain] = [`${host}/streamed:1`, `${host}/plain:1`];
    const registries = new Registries();
    const shell = await programEntries("/bin/sh", "/bin/cat", "/usr/bin/sha256sum", "/bin/sleep", "/bin/ls", "/bin/dd");
    for (const [reference, top] of [
      [streamed, big],
      [plain, small],
    ] as const) {
      const repository = registries.open({ reference });
      const mtime = new Date(0);
      const layers = [
        [...shell.map((entry) => ({ ...entry, mtime })), { mtime, name: "base", content: "base" }],
        [{ name: "top", content: top }],
      ]; // the lower one is shared
      await pushSmallImage(repository, "1", { layers });
    }
    const repository = registries.open({ reference: streamed });
    await convertImage({ repository, target: "1", reference: streamed }, { root: join(node.folder, "c"), threads: 1 });
    await registries.close();
    service = RunningService.start(node.root, socket);
    await eventually("the service serves", async () => existsSync(socket), 60_000);
    containerd = await RunningContainerd.start(program, { address: socket, dataRoot: node.root });
  });
  afterAll(async () => {
    await containerd?.[Symbol.asyncDispose]();
    await node?.[Symbol.asyncDispose]();
    await service?.stop();
  });

  /** Its container stays. */
  const ended = async (id: string): Promise<void> => {
    await containerd.ctr("task", "kill", "-s", "SIGKILL", id);
    await eventually("it ended", async () => (await containerd.ctr("task", "ls")).includes("STOPPED"), 30_000);
    await containerd.ctr("task", "rm", id);
  };
  /** Its client waits longer each time before it connects again. docs/limits.md */
  const found = (): Promise<void> => {
    const isServed = (): Promise<boolean> =>
      containerd.ctr("snapshots", "--snapshotter", "sluice", "ls").then(
        () => true,
        () => false,
      );
    return eventually("containerd has found the snapshotter again", isServed, 30_000);
  };
  const isReplaced = async (pid: number): Promise<boolean> =>
    ![pid, undefined].includes(
      await node.status().then(
        (status) => status.pid,
        () => undefined,
      ),
    );

  // The first containerd has no transfer service.
  if (isSecond(program)) {
    it("streams what `ctr images pull` asks the transfer service for", async () => {
      await containerd.ctr("images", "pull", "--plain-http", "--snapshotter", "sluice", streamed);
      expect(await containerd.run(streamed, "t", "/usr/bin/sha256sum", "/top")).toContain(sum(big));
      expect(await containerd.ctr("content", "ls")).not.toMatch(/layer/);
      await containerd.ctr("images", "rm", "--sync", streamed);
    });
  }

  it("streams an image that has an artifact: none of its layers is fetched, and a container reads it right", async () => {
    await containerd.pull(streamed);
    expect(await containerd.run(streamed, "a", "/usr/bin/sha256sum", "/top")).toContain(sum(big));
    const content = await containerd.ctr("content", "ls");
    expect(content).not.toMatch(/layer/);
    const { pulled } = JSON.parse(await node.must("why", streamed, "-o", "json")) as { pulled: unknown };
    expect(pulled).toEqual({ streamed: true });
  });

  it("unpacks an image without one on the layers that it shares with the streamed one, and says why", async () => {
    const away = node.registry.faults.add({
      fault: { kind: "status", status: 503 },
      when: ({ path }) => path.includes("/streamed/"), // whose layers it stands on
    });
    await containerd.pull(plain);
    away();
    expect(await containerd.run(plain, "b", "/usr/bin/sha256sum", "/top")).toContain(sum(small));
    expect(await readdir(node.paths.prefixes)).toContainEqual(expect.stringMatching(/-1$/));
    const { pulled } = JSON.parse(await node.must("why", plain, "-o", "json")) as { pulled: unknown };
    expect(pulled).toMatchObject({ streamed: false, reason: { code: "NO_ARTIFACT" } });
  });

  it("tells with `sluice pull` what of each image is streamed, and why the rest is not", async () => {
    const pull = async (reference: string): Promise<unknown> => {
      const places = ["--containerd-address", containerd.socket, "--containerd-config", containerd.config];
      return JSON.parse(await node.must("pull", reference, ...places, "-o", "json"));
    };
    expect(await pull(streamed)).toMatchObject({ streamed: true, layers: { streamed: 2, unpacked: 0 } });
    expect(await pull(plain)).toMatchObject({
      ...{ streamed: false, layers: { streamed: 1, unpacked: 1 } },
      reason: { code: "NO_ARTIFACT" },
    });
  });

  it("gives a container that reads right bytes only while the daemon is killed again and again", async () => {
    const log = join(node.folder, "reader.log");
    const lines = async (): Promise<string[]> => (await readFile(log, "utf8")).split("\n").slice(0, -1);
    // The pages of the file are dropped, so that reads reach the disk.
    const read = "while :; do /bin/dd if=/top iflag=nocache count=0 2>/dev/null; /usr/bin/sha256sum /top; done";
    const flags = ["-d", "--snapshotter", "sluice", "--log-uri", `file://${log}`];
    await containerd.ctr("run", ...flags, streamed, "reader", "/bin/sh", "-c", `exec 2>&1; ${read}`);
    await eventually("it reads", async () => existsSync(log) && (await lines()).length > 0, 30_000);
    for (let kills = 0; kills < 2; kills++) {
      const before = (await lines()).length;
      await dropDiskPages(node.paths.session);
      await node.killDaemon();
      await eventually("it reads on", async () => (await lines()).length > before + 1, 30_000);
    }
    expect((await node.status()).fuse.requests).toBeGreaterThan(0);
    expect(new Set(await lines())).toEqual(new Set([`${sum(big)}  /top`]));
    await found();
    await ended("reader");
    await containerd.ctr("container", "rm", "reader");
  });

  it("goes on for a container that writes and reads while the service is stopped and started, the daemon killed and containerd restarted", async () => {
    const write = ["/bin/sh", "-c", "echo written > /new; exec /bin/sleep 1000"];
    await containerd.ctr("run", "-d", "--snapshotter", "sluice", streamed, "c", ...write);
    const exec = (id: string, ...command: string[]) => containerd.ctr("task", "exec", "--exec-id", id, "c", ...command);
    await eventually("it wrote", async () => (await exec("w", "/bin/cat", "/new")) === "written\n", 30_000);
    const mounts = await node.mountIds();
    const { pid } = await node.status();
    expect(await service.stop()).toBe(0);
    expect(await exec("stopped", "/usr/bin/sha256sum", "/top")).toContain(sum(big));
    service = RunningService.start(node.root, socket);
    await eventually("the started service has its daemon", () => isReplaced(pid), 60_000);
    expect(await exec("started", "/usr/bin/sha256sum", "/top")).toContain(sum(big));
    expect(await node.mountIds()).toEqual(mounts);
    await node.killDaemon();
    await containerd.restart();
    expect(await exec("r", "/usr/bin/sha256sum", "/top")).toContain(sum(big));
    await ended("c");
  });

  it("keeps what the container wrote when it is committed, on top of the streamed image", async () => {
    const snapshots = (...args: string[]) => containerd.ctr("snapshots", "--snapshotter", "sluice", ...args);
    await snapshots("commit", "kept", "c");
    await snapshots("prepare", "again", "kept");
    const folder = join(node.folder, "again");
    await mkdir(folder);
    await execute("sh", ["-c", await snapshots("mounts", folder, "again")]);
    try {
      expect((await execute("cat", [join(folder, "new")])).stdout).toBe("written\n");
      expect((await execute("sha256sum", [join(folder, "top")])).stdout).toContain(sum(big));
    } finally {
      await execute("umount", [folder]);
    }
    await snapshots("rm", "again");
    await snapshots("rm", "kept");
    await containerd.ctr("container", "rm", "c").catch(() => undefined); // its snapshot became "kept"
  });

  it("starts containers of a streamed image after the node agent was restarted and the daemon killed, with the registry away", async () => {
    await node.registry.close();
    const { pid } = await node.status();
    await service.stop();
    service = RunningService.start(node.root, socket);
    await eventually("the started service has its daemon", () => isReplaced(pid), 60_000);
    await node.killDaemon();
    await found();
    expect(await containerd.run(streamed, "d", "/usr/bin/sha256sum", "/top")).toContain(sum(big));
  });

  it("frees what removed images took: no snapshot is left, no disk is mounted", async () => {
    for (const image of [streamed, plain]) await containerd.ctr("images", "rm", "--sync", image);
    const digests = (await containerd.ctr("images", "ls", "-q"))
      .trim()
      .split("\n")
      .filter((name) => name !== "");
    if (digests.length > 0) await containerd.ctr("images", "rm", "--sync", ...digests);
    const nothingLeft = async (): Promise<boolean> => {
      const listed = await containerd.ctr("snapshots", "--snapshotter", "sluice", "ls");
      const disks = (await mountTable()).filter(
        ({ type, target }) => type === "erofs" && target.startsWith(node.folder),
      );
      return (
        listed.trim().split("\n").length === 1 &&
        disks.length === 0 &&
        (await readdir(node.paths.snapshots)).length === 0
      );
    };
    await eventually("nothing is left", nothingLeft, 60_000);
  });
});
