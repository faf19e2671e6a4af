import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { runMain } from "../testing/run-main.js";

const toml = "version = 3\n# by hand\n[plugins.'io.containerd.cri.v1.images']\n  snapshotter = 'overlayfs'\n";
let root: string;
let config: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "node-"));
  config = join(root, "etc/containerd/config.toml");
  await mkdir(join(root, "etc/containerd"), { recursive: true });
  await writeFile(config, toml);
});
afterEach(() => rm(root, { recursive: true }));

const node = (...words: string[]) =>
  runMain(["--root", "/var/lib/sluice", "-o", "json", "node", ...words, "--root-fs", root, "--no-activate"]);

describe("node install and uninstall on another root", () => {
  it("leave containerd's configuration byte for byte as it was, each given twice", async () => {
    const { steps } = JSON.parse((await node("install")).stdout);
    expect(steps).toEqual([
      { what: "/etc/systemd/system/sluice.service", done: "written" },
      { what: "/var/lib/containerd/io.containerd.snapshotter.v1.sluice", done: "written" },
      { what: "/etc/containerd/config.toml", done: "written" },
    ]);
    const installed = await readFile(config, "utf8");
    expect(installed).toContain('snapshotter = "sluice"');
    expect((await node("install")).exitCode).toBe(0);
    expect(await readFile(config, "utf8")).toBe(installed);
    const unit = await readFile(join(root, "etc/systemd/system/sluice.service"), "utf8");
    expect(unit).toMatch(
      /^ExecStart=\/.*sluice\.js --root \/var\/lib\/sluice snapshotter --address \/run\/sluice\/snapshotter\.sock$/m,
    );
    expect((await node("uninstall")).exitCode).toBe(0);
    expect(await readFile(config, "utf8")).toBe(toml);
    expect(JSON.parse((await node("uninstall")).stdout)).toEqual({ steps: [] });
    expect(await readFile(config, "utf8")).toBe(toml);
  });

  it("refuse a path that is none of that root, and a configuration that cannot be changed safely", async () => {
    expect((await node("install", "--socket", "x.sock")).exitCode).toBe(2);
    await writeFile(config, "version = 1\n");
    const { exitCode, stderr } = await node("install");
    expect(exitCode).toBe(1);
    expect(JSON.parse(stderr).error.code).toBe("CONTAINERD_CONFIG");
  });
});
