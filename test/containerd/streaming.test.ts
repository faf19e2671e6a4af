import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
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
    const shell = await programEntries("/bin/sh", "/bin/cat", "/usr/bin/sha256sum", "/bin/sleep", "/bin/ls");
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
    const isReplaced = async (): Promise<boolean> =>
      ![pid, undefined].includes(
        await node.status().then(
          (status) => status.pid,
          () => undefined,
        ),
      );
    await eventually("the started service has its daemon", isReplaced, 60_000);
    expect(await exec("started", "/usr/bin/sha256sum", "/top")).toContain(sum(big));
    expect(await node.mountIds()).toEqual(mounts);
    await node.killDaemon();
    await containerd.restart();
    expect(await exec("r", "/usr/bin/sha256sum", "/top")).toContain(sum(big));
    await containerd.ctr("task", "kill", "-s", "SIGKILL", "c");
    await eventually("it ended", async () => (await containerd.ctr("task", "ls")).includes("STOPPED"), 30_000);
    await containerd.ctr("task", "rm", "c");
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

  it("starts containers of a streamed image after the daemon was killed, with the registry away", async () => {
    await node.killDaemon();
    await node.registry.close();
    const listed = () => containerd.ctr("snapshots", "--snapshotter", "sluice", "ls");
    await eventually(
      "containerd has found the snapshotter again",
      () =>
        listed().then(
          () => true,
          () => false,
        ),
      30_000,
    );
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
