import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CommandResult, Host } from "./host.js";
import { installNode, type NodeInstallOptions } from "./install-node.js";
import { serviceUnit } from "./service-unit.js";
import { uninstallNode } from "./uninstall-node.js";

/** Of systemd; where there is none, nobody can tell. */
const analyzer = "/usr/bin/systemd-analyze";
const config = "/etc/containerd/config.toml";
const options: NodeInstallOptions = {
  entry: ["/usr/local/bin/sluice"],
  dataRoot: "/var/lib/sluice",
  socket: "/run/sluice/snapshotter.sock",
  containerdConfig: config,
  activate: true,
};
const toml = 'version = 2\n# ours\n[plugins."io.containerd.grpc.v1.cri".containerd]\n  snapshotter = "overlayfs"\n';

let root: string;
let commands: string[];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "install-"));
  commands = [];
  await put(config, toml);
  await put(options.socket, "");
});
afterEach(() => rm(root, { recursive: true }));

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), text);
}
const get = (path: string): Promise<string> => readFile(join(root, path), "utf8");
const files = async (): Promise<string[]> =>
  (await readdir(root, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .sort();

/** A machine whose commands succeed, but for some. */
const host = (failing: RegExp = /^$/, outputs: CommandResult = { exitCode: 0, output: "" }): Host => ({
  rootFolder: root,
  run: async (program, args) => {
    const line = [program, ...args].join(" ");
    commands.push(line);
    if (failing.test(line)) return outputs.exitCode === 0 ? { exitCode: 1, output: "no" } : outputs;
    return { exitCode: 0, output: program === "ctr" ? "io.containerd.snapshotter.v1    sluice    -    ok" : "" };
  },
});
const uninstall = (waitMs = 0) => uninstallNode(host(), { ...options, waitMs, keepData: false });

describe("a node", () => {
  it("leads the kubelet of containerd 1 to the file system of the data root, below the root that containerd has", async () => {
    const name = "io.containerd.snapshotter.v1.sluice";
    await put(config, `root = "/mnt/containerd"\n${toml}`);
    await installNode(host(), options);
    expect(await readlink(join(root, "mnt/containerd", name))).toBe("/var/lib/sluice");
    await uninstall();
    expect(await readdir(join(root, "mnt/containerd"))).toEqual([]);
    await put(`/var/lib/containerd/${name}/own`, "somebody else's");
    await put(config, toml);
    await put(options.socket, "");
    await installNode(host(), options);
    await uninstall();
    expect(await get(`/var/lib/containerd/${name}/own`)).toBe("somebody else's");
  });

  it("is installed and uninstalled twice over, and leaves the machine as it was", async () => {
    const before = await files();
    const first = await installNode(host(), options);
    expect(first.map(({ done }) => done)).toEqual(["written", "started", "written", "written", "restarted", "checked"]);
    const installed = await get(config);
    expect(commands.indexOf("systemctl restart containerd.service")).toBeGreaterThan(
      commands.indexOf("systemctl enable --now sluice.service"),
    );
    commands = [];
    const second = await installNode(host(), options);
    expect(second.map(({ done }) => done)).toEqual(["unchanged", "started", "unchanged", "unchanged", "checked"]);
    expect(await get(config)).toBe(installed);
    expect(commands).not.toContain("systemctl restart containerd.service");
    expect((await uninstall()).map(({ done }) => done)).toEqual(["restored", "restarted", "stopped", "removed"]);
    expect(await get(config)).toBe(toml);
    expect(await uninstall()).toEqual([]);
    expect(await get(config)).toBe(toml);
    expect([...(await files()), options.socket].sort()).toEqual(before);
  });

  it("keeps a copy of containerd's configuration for as long as it is installed", async () => {
    await installNode(host(), options);
    await installNode(host(), { ...options, socket: options.socket });
    expect(await get(`${config}.before-sluice`)).toBe(toml);
    await uninstall();
    expect(await files()).not.toContain(`${config}.before-sluice`);
  });

  it("leaves containerd alone when the service does not start", async () => {
    await expect(installNode(host(/enable --now/), options)).rejects.toThrow(/systemctl enable .*: exit code 1: no/);
    expect(await get(config)).toBe(toml);
    expect(commands).not.toContain("systemctl restart containerd.service");
  });

  it("gives containerd its configuration back when it does not start with ours", async () => {
    await expect(installNode(host(/restart containerd/), options)).rejects.toMatchObject({ code: "NODE_INSTALL" });
    expect(await get(config)).toBe(toml);
    expect(commands.filter((line) => line === "systemctl restart containerd.service")).toHaveLength(2);
  });

  it("writes files and runs nothing when it is not to be activated", async () => {
    await installNode(host(), { ...options, activate: false });
    expect(commands).toEqual([]);
    expect(await files()).toContain("/etc/systemd/system/sluice.service");
  });

  it("writes nothing where containerd's configuration cannot be changed safely", async () => {
    await put(config, "version = 1\n");
    const before = await files();
    await expect(installNode(host(), options)).rejects.toMatchObject({ code: "CONTAINERD_CONFIG" });
    expect(await files()).toEqual(before);
    expect(commands).toEqual([]);
  });

  it("is not uninstalled under containers that use it, unless they end in time", async () => {
    await installNode(host(), options);
    const used = `overlay /run/containerd/io.containerd.runtime.v2.task/k8s.io/x/rootfs overlay rw,lowerdir=/var/lib/sluice/lower/y,upperdir=/var/lib/sluice/snapshots/1/fs 0 0\n`;
    await put("/proc/1/mounts", `proc /proc proc rw 0 0\n${used}`);
    await expect(uninstall()).rejects.toThrow(/1 mounts .*task\/k8s.io\/x\/rootfs.*drain/);
    expect(await get(config)).not.toBe(toml);
    const going = uninstall(60_000);
    await put("/proc/1/mounts", "proc /proc proc rw 0 0\n");
    await going;
    expect(await get(config)).toBe(toml);
  });
});

describe("the unit of the service", () => {
  it("leaves the daemon alive when the keeper is stopped, and is the one in deploy/", async () => {
    const unit = serviceUnit(options);
    expect(unit).toMatch(/^KillMode=process$/m);
    const shipped = new URL("../../../../deploy/systemd/sluice.service", import.meta.url);
    expect(await readFile(shipped, "utf8")).toBe(unit);
  });

  it.skipIf(!existsSync(analyzer))(`is understood by systemd (${analyzer})`, async () => {
    const place = { ...options, entry: [process.execPath, "sluice.js"], dataRoot: '/a b/%h/"$x' };
    const file = join(root, "sluice.service");
    const verified = async (unit: string): Promise<string> => {
      await writeFile(file, unit);
      return await promisify(execFile)(analyzer, ["verify", file]).then(
        ({ stderr }) => stderr,
        (error: { readonly stderr: string }) => error.stderr,
      );
    };
    expect(await verified(serviceUnit(place))).not.toContain("sluice.service");
    expect(await verified(serviceUnit(place).replace("KillMode=process", "KillMode=none-such"))).toContain("none-such");
  });

  it("hands odd paths to the program as they are", () => {
    expect(serviceUnit({ ...options, dataRoot: '/a b/%h/"$x' })).toContain('--root "/a b/%%h/\\"$$x" snapshotter');
  });
});
