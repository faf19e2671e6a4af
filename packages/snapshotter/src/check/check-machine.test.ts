import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withSnapshotter } from "../install/containerd-config.js";
import { type CheckOptions, checkMachine } from "./check-machine.js";
import { type MachineProbes, machineProbes } from "./machine-probes.js";

const options: CheckOptions = {
  dataRoot: "/var/lib/sluice",
  registries: ["r.example"],
  containerd: { socket: "/run/containerd/containerd.sock", config: "/etc/containerd/config.toml" },
};
const config = withSnapshotter(
  "version = 2\n",
  { address: "/run/sluice/snapshotter.sock", dataRoot: "/d" },
  "config.toml",
);
const files: Readonly<Record<string, string>> = {
  "/etc/os-release": 'ID=ubuntu\nVERSION_ID="22.04"\nPRETTY_NAME="Ubuntu 22.04 LTS"\n',
  "/proc/filesystems": "nodev\toverlay\n",
  "/etc/containerd/config.toml": config,
};
const outputs: Readonly<Record<string, string>> = {
  "/bin/containerd": "containerd github.com/containerd/containerd 1.7.2 abc",
  "/bin/kubelet": "Kubernetes v1.29.3",
  timedatectl: "yes\n",
};
const gibibyte = 2 ** 30;

const good: MachineProbes = {
  platform: "linux",
  architecture: "x64",
  kernelRelease: "6.12.1",
  isRoot: true,
  fuse: async () => undefined,
  erofs: async () => ({ ok: true, reason: "there" }),
  resend: async () => ({ ok: true, detail: "there" }),
  libfuse: async () => ({ ok: true, reason: "there" }),
  text: async (path) => files[path],
  isThere: async () => true,
  program: async (name) => `/bin/${name}`,
  output: async (file) => outputs[file],
  disk: async () => ({ freeBytes: 50 * gibibyte, sizeBytes: 100 * gibibyte }),
  registry: async () => undefined,
  now: () => Date.UTC(2026, 5, 1),
};
const textOf =
  (path: string, text: string | undefined): MachineProbes["text"] =>
  async (asked) =>
    asked === path ? text : files[asked];
const outputOf =
  (file: string, text: string): MachineProbes["output"] =>
  async (asked) =>
    asked === file ? text : outputs[asked];
const without =
  (name: string): MachineProbes["program"] =>
  async (asked) =>
    asked === name ? undefined : `/bin/${asked}`;
const toml = "/etc/containerd/config.toml";

describe("the check of a machine", () => {
  it("finds nothing to cure on a good one", async () => {
    const { ok, findings } = await checkMachine(good, options);
    expect(findings.filter(({ state }) => state !== "ok")).toEqual([]);
    expect(ok).toBe(true);
    for (const { detail } of findings) expect(detail).not.toBe("");
  });

  const failures: readonly [name: string, Partial<MachineProbes>, told: RegExp][] = [
    ["system", { platform: "win32" }, /Windows nodes are not supported/],
    ["system", { architecture: "arm64" }, /arm64/],
    ["system", { text: textOf("/etc/os-release", 'ID=ubuntu\nVERSION_ID="18.04"\n') }, /too old/],
    ["kernel", { kernelRelease: "4.19.0-x" }, /Linux 4\.19/],
    ["fuse", { fuse: async () => "/dev/fuse is not there" }, /not there/],
    [
      "erofs",
      { erofs: async () => ({ ok: false, reason: "no EROFS" }), libfuse: async () => ({ ok: false, reason: "no" }) },
      /no EROFS/,
    ],
    [
      "libfuse2",
      { erofs: async () => ({ ok: false, reason: "no" }), libfuse: async () => ({ ok: false, reason: "no libfuse" }) },
      /no libfuse/,
    ],
    ["overlay", { text: textOf("/proc/filesystems", "ext4") }, /no overlayfs/],
    ["containerd", { output: outputOf("/bin/containerd", "containerd x v1.5.9 y") }, /1\.5\.9/],
    ["containerd-socket", { isThere: async (path) => !path.endsWith("containerd.sock") }, /not there/],
    ["containerd-config", { text: textOf(toml, "version = ") }, /config\.toml/],
    [
      "containerd-config",
      { text: textOf(toml, config.replaceAll("annotations = false", "annotations = true")) },
      /disable_snapshot_annotations/,
    ],
    [
      "containerd-config",
      { text: textOf(toml, config.replaceAll(`snapshotter = "sluice"`, `snapshotter = "overlayfs"`)) },
      /CRI does not use/,
    ],
    ["snapshotter-socket", { isThere: async (path) => !path.endsWith("snapshotter.sock") }, /cannot start/],
    ["kubernetes", { output: outputOf("/bin/kubelet", "Kubernetes v1.25.9") }, /v1\.25\.9/],
    ["disk", { disk: async () => ({ freeBytes: gibibyte / 2, sizeBytes: gibibyte }) }, /0\.5 GiB of 1\.0 GiB/],
    ["disk", { disk: async () => undefined }, /no disk/],
    ["registry r.example", { registry: async () => "refused" }, /refused/],
    ["clock", { now: () => 0 }, /1970/],
  ];
  it.each(failures)("names a failing %s, with a cure", async (name, bad, told) => {
    const { ok, findings } = await checkMachine({ ...good, ...bad }, options);
    const finding = findings.find((one) => one.name === name);
    expect(finding).toMatchObject({ state: "failing", ok: false, detail: expect.stringMatching(told) });
    expect(finding?.cure).toMatch(/\w+/);
    expect(ok).toBe(false);
  });

  const lesser: readonly [name: string, Partial<MachineProbes>, told: RegExp][] = [
    ["erofs", { erofs: async () => ({ ok: false, reason: "no EROFS" }) }, /no EROFS/],
    ["libfuse2", { libfuse: async () => ({ ok: false, reason: "no libfuse" }) }, /no libfuse/],
    ["erofs-file", { kernelRelease: "6.8.0" }, /loop device/],
    ["resend", { resend: async () => ({ ok: false, detail: "reads fail" }) }, /reads fail/],
    ["overlay", { isRoot: false }, /need root/],
    ["runc", { program: without("runc") }, /not on PATH/],
    ["containerd", { program: without("containerd") }, /not on PATH/],
    ["containerd-config", { text: textOf(toml, "version = 2\n") }, /does not name/],
    ["containerd-config", { text: textOf(toml, undefined) }, /not there/],
    ["disk", { disk: async () => ({ freeBytes: 5 * gibibyte, sizeBytes: 9 * gibibyte }) }, /5\.0 GiB/],
    ["clock", { output: outputOf("timedatectl", "no\n") }, /not kept/],
  ];
  it.each(lesser)("names a degraded %s, and streams all the same", async (name, bad, told) => {
    const { ok, findings } = await checkMachine({ ...good, ...bad }, options);
    const finding = findings.find((one) => one.name === name);
    expect(finding).toMatchObject({ state: "degraded", detail: expect.stringMatching(told) });
    expect(ok).toBe(true);
  });
});

describe("this machine", () => {
  it("answers every question", async () => {
    const { findings } = await checkMachine(machineProbes(), { ...options, registries: ["127.0.0.1:1"] });
    expect(findings.find(({ name }) => name === "registry 127.0.0.1:1")?.state).toBe("failing");
    expect(findings.find(({ name }) => name === "disk")?.detail).toMatch(/GiB/);
  });

  it("has the programs that may be run, on the path that it is given", async () => {
    const folder = await mkdtemp(join(tmpdir(), "check-"));
    try {
      await writeFile(join(folder, "containerd"), "");
      const { program } = machineProbes({ path: `/nowhere:${folder}` });
      expect(await program("containerd")).toBeUndefined();
      await chmod(join(folder, "containerd"), 0o755);
      expect(await program("containerd")).toBe(join(folder, "containerd"));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
