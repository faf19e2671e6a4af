import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { convertImage } from "@sluice/converter";
import type { Repository } from "@sluice/oci";
import { TestRegistry } from "@sluice/oci/testing";
import {
  createFileLog,
  type Daemon,
  DaemonClient,
  isMountpoint,
  mountTable,
  NodePaths,
  parseNodeConfig,
  Registries,
  startDaemon,
} from "@sluice/snapshotter";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256Of, started } from "../support/other-process.js";
import { pushSmallImage, type SmallImage } from "../support/small-image.js";

const execute = promisify(execFile);
const run = (command: string, args: readonly string[], options: { cwd?: string } = {}) =>
  execute(command, args, { ...options, timeout: 60_000 });
/** From another process: this one serves the disk. */
const cat = async (path: string): Promise<string> => (await run("cat", [path])).stdout;

const big = Buffer.alloc(3_000_000, "0123456789abcdef");
const image: SmallImage = {
  layers: [
    [
      { name: "etc", type: "directory" },
      { name: "etc/hello", content: "hello\n", mode: 0o640, uid: 7, gid: 8 },
      { name: "etc/gone", content: "hidden by the next layer" },
      { name: "big", content: big },
    ],
    [
      { name: "etc/.wh.gone", content: "" },
      { name: "etc/link", type: "symlink", linkname: "hello" },
    ],
  ],
  config: { Cmd: ["/bin/true"] },
};

describe.each(["erofs", "fuse-native"] as const)("a daemon with the %s driver", (driver) => {
  let folder: string;
  let root: string;
  let registry: TestRegistry;
  let registries: Registries;
  let reference: string;
  let daemon: Daemon | undefined;
  let client: DaemonClient;

  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "sluice-daemon-")));
    root = join(folder, "root");
    registry = await TestRegistry.start();
    registries = new Registries();
    reference = `${registry.host}/app:1`;
    await convert(image, "1");
    await start();
  });
  afterEach(async () => {
    await daemon?.stop({ busy: "detach", keepMounts: false }).catch(() => undefined);
    await daemon?.stopped;
    await registries.close();
    await registry[Symbol.asyncDispose]();
    for (const { target } of (await mountTable()).toReversed()) {
      if (target.startsWith(folder)) await run("umount", ["-l", target]);
    }
    await rm(folder, { recursive: true, force: true });
  });

  const repository = (): Repository => registries.open({ reference });
  const convert = async (source: SmallImage, tag: string): Promise<void> => {
    await pushSmallImage(repository(), tag, source);
    await convertImage(
      { repository: repository(), target: tag, reference: `${registry.host}/app:${tag}` },
      { root: join(folder, "convert"), threads: 1 },
    );
  };
  const start = async (settings: Readonly<Record<string, unknown>> = {}): Promise<void> => {
    const config = parseNodeConfig({ store: { budget: "64MiB" }, fetch: { deadline: "5s", retries: 1 }, ...settings });
    const log = createFileLog(new NodePaths(root).log, "debug");
    daemon = await startDaemon({ root, config, version: "test", log });
    client = new DaemonClient(daemon.controlSocket);
  };
  const mountOn = async (name: string, writable = false) => {
    const mountpoint = join(folder, name);
    await mkdir(mountpoint, { recursive: true });
    return await client.mount({ reference, mountpoint, driver, writable });
  };

  it("shows the image of all its layers, reading only what is read", async () => {
    const mounted = await mountOn("mnt");
    expect(mounted).toMatchObject({ driver, mountpoint: join(folder, "mnt"), writable: false });
    const { stdout } = await run("ls", ["-ln", join(folder, "mnt/etc")]);
    expect(stdout).toMatch(/^-rw-r----- +1 7 +8 +6 .* hello$/m);
    expect(stdout).not.toContain("gone");
    expect(await cat(join(folder, "mnt/etc/link"))).toBe("hello\n");
    expect((await client.status()).fetch.bytes).toBeLessThan(100_000);
    expect(await sha256Of(join(folder, "mnt/big"))).toBe(createHash("sha256").update(big).digest("hex"));
    expect(await client.mounts()).toEqual([mounted]);
  });

  it("shows one image in many places from one disk, and lets it go with the last", async () => {
    await Promise.all(["a", "b", "c"].map((name) => mountOn(name)));
    const requests = registry.requests.length;
    expect(await cat(join(folder, "a/etc/hello"))).toBe("hello\n");
    expect(await cat(join(folder, "b/etc/hello"))).toBe("hello\n");
    expect(registry.requests.length - requests).toBeLessThanOrEqual(1);
    for (const name of ["a", "b", "c"]) await client.unmount({ mountpoint: join(folder, name), detach: false });
    expect(await client.mounts()).toEqual([]);
    expect(await readdir(new NodePaths(root).lower)).toEqual([]);
    const left = (await mountTable()).map(({ target }) => target).filter((target) => target.startsWith(folder));
    expect(left.filter((target) => target !== new NodePaths(root).session)).toEqual([]);
  });

  it("throws what was written to a writable mount away with it, and never writes to the image", async () => {
    await mountOn("rw", true);
    await run("sh", ["-c", "echo new > etc/hello && echo more > etc/more && rm big"], { cwd: join(folder, "rw") });
    expect(await cat(join(folder, "rw/etc/hello"))).toBe("new\n");
    await mountOn("ro");
    expect(await cat(join(folder, "ro/etc/hello"))).toBe("hello\n");
    await client.unmount({ mountpoint: join(folder, "rw"), detach: false });
    expect(await readdir(join(root, "writable"))).toEqual([]);
    await mountOn("rw", true);
    expect(await cat(join(folder, "rw/etc/hello"))).toBe("hello\n");
  });

  it("does not unmount what somebody uses, names who, and does when told to", async () => {
    await mountOn("mnt");
    const mountpoint = join(folder, "mnt");
    const sleeper = started("sh", ["-c", 'cd "$0" && exec sleep 60', join(mountpoint, "etc")]);
    try {
      await expect.poll(() => readlink(`/proc/${sleeper.pid}/cwd`)).toBe(join(mountpoint, "etc"));
      await expect(client.unmount({ mountpoint, detach: false })).rejects.toMatchObject({
        code: "MOUNT_BUSY",
        message: expect.stringContaining("sleep ("),
      });
      await expect(client.stop({ busy: "refuse", keepMounts: false })).rejects.toMatchObject({ code: "MOUNTS_BUSY" });
      expect(await cat(join(mountpoint, "etc/hello"))).toBe("hello\n");
      await client.unmount({ mountpoint, detach: true });
      expect(await isMountpoint(mountpoint)).toBe(false);
      await mountOn("mnt");
      expect(await cat(join(mountpoint, "etc/hello"))).toBe("hello\n");
    } finally {
      sleeper.kill("SIGKILL");
    }
  });

  it("brings its mounts back after a restart without the registry", async () => {
    await mountOn("mnt");
    await mountOn("rw", true);
    await cat(join(folder, "mnt/etc/hello"));
    await writeFile(join(folder, "rw/written"), "kept");
    await daemon?.stop({ busy: "refuse", keepMounts: true });
    await daemon?.stopped;
    expect(await isMountpoint(join(folder, "mnt"))).toBe(false);
    await registry[Symbol.asyncDispose]();
    await start();
    await expect.poll(async () => (await client.mounts()).length, { timeout: 5000 }).toBe(2);
    expect(await cat(join(folder, "rw/written"))).toBe("kept");
    expect(await cat(join(folder, "mnt/etc/hello"))).toBe("hello\n");
    await client.unmount({ mountpoint: join(folder, "mnt"), detach: false });
    await mountOn("again");
    expect(await cat(join(folder, "again/etc/hello"))).toBe("hello\n");
  });

  it("brings no mount back that it does not trust any more, and does when it is told to trust it again", async () => {
    const { disk } = await mountOn("mnt");
    const mountpoint = join(folder, "mnt");
    const restart = async (pin: string): Promise<void> => {
      await daemon?.stop({ busy: "refuse", keepMounts: true });
      await daemon?.stopped;
      await start({ trust: { policy: "pinned", pins: [pin] } });
    };
    await restart(disk.digest.replace(/.$/, (last) => (last === "0" ? "1" : "0")));
    await expect.poll(() => readFile(new NodePaths(root).log, "utf8")).toContain("NOT_TRUSTED");
    expect(await isMountpoint(mountpoint)).toBe(false);
    await restart(disk.digest);
    await expect.poll(() => cat(join(mountpoint, "etc/hello")).catch(() => ""), { timeout: 5000 }).toBe("hello\n");
  });

  it("brings no mount back where somebody put a symlink in the place of a folder on the way", async () => {
    await mountOn("theirs/mnt");
    await daemon?.stop({ busy: "refuse", keepMounts: true });
    await daemon?.stopped;
    await mkdir(join(folder, "others/mnt"), { recursive: true });
    await rename(join(folder, "theirs"), join(folder, "away"));
    await symlink("others", join(folder, "theirs"));
    await start();
    await expect.poll(() => readFile(new NodePaths(root).log, "utf8")).toContain("mount not restored");
    expect(await isMountpoint(join(folder, "others/mnt"))).toBe(false);
  });

  it("answers with an error, in time and with a log line, when the registry is away and the bytes are not here", async () => {
    await mountOn("mnt");
    await registry[Symbol.asyncDispose]();
    const start = Date.now();
    await expect(cat(join(folder, "mnt/big"))).rejects.toThrow(/Input\/output error/);
    expect(Date.now() - start).toBeLessThan(20_000);
    expect(await readFile(new NodePaths(root).log, "utf8")).toMatch(/read-failed/);
    expect((await client.status()).reads.errors).toBeGreaterThan(0);
  });

  it("leaves no trace of a mount that its caller gave up", async () => {
    const gone = new AbortController();
    const mountpoint = join(folder, "mnt");
    await mkdir(mountpoint);
    const mounting = client.mount({ reference, mountpoint, driver, writable: false }, { signal: gone.signal });
    gone.abort(new Error("Ctrl-C"));
    await expect(mounting).rejects.toThrow("Ctrl-C");
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await client.mounts()).toEqual([]);
    expect(await isMountpoint(mountpoint)).toBe(false);
    expect(await readdir(new NodePaths(root).mounts).catch(() => [])).toEqual([]);
  });

  it("keeps what was written when a mount cannot come back, tries again, and gives it up only when told to", async () => {
    await mountOn("rw", true);
    const mountpoint = join(folder, "rw");
    await writeFile(join(mountpoint, "written"), "kept");
    await daemon?.stop({ busy: "refuse", keepMounts: true });
    await daemon?.stopped;
    await rm(mountpoint, { recursive: true }); // as when the file system below is not there yet
    for (const _ of ["first", "second"]) {
      await start();
      await expect.poll(() => readFile(new NodePaths(root).log, "utf8")).toContain("mount not restored");
      await daemon?.stop({ busy: "refuse", keepMounts: true });
      await daemon?.stopped;
    }
    await start();
    await mkdir(mountpoint);
    await expect.poll(() => cat(join(mountpoint, "written")).catch(() => ""), { timeout: 15_000 }).toBe("kept");
    await client.unmount({ mountpoint, detach: false });
    expect(await readdir(join(root, "writable"))).toEqual([]);
    expect(await readdir(new NodePaths(root).mounts)).toEqual([]);
  });

  it("lets go of what somebody else unmounted, and mounts there again", async () => {
    await mountOn("mnt");
    await mountOn("rw", true);
    for (const name of ["mnt", "rw"]) await run("umount", [join(folder, name)]);
    expect(await client.mounts()).toEqual([]);
    expect(await readdir(new NodePaths(root).lower)).toEqual([]);
    await mountOn("mnt");
    await run("umount", [join(folder, "mnt")]);
    await mountOn("mnt");
    expect(await cat(join(folder, "mnt/etc/hello"))).toBe("hello\n");
  });

  it("shows neither set-user-ID programs nor devices that work", async () => {
    await mountOn("mnt");
    await mountOn("rw", true);
    for (const name of ["mnt", "rw"]) {
      const options = (await run("findmnt", ["-no", "VFS-OPTIONS", join(folder, name)])).stdout;
      expect(options).toMatch(/nosuid,nodev/);
    }
  });

  it("leaves what was written to a detached mount to those who use it, until the next start", async () => {
    await mountOn("rw", true);
    const mountpoint = join(folder, "rw");
    await writeFile(join(mountpoint, "written"), "mine");
    const user = started("sh", ["-c", 'cd "$0" && exec sleep 60', mountpoint]);
    try {
      await expect.poll(() => readlink(`/proc/${user.pid}/cwd`)).toBe(mountpoint);
      await client.unmount({ mountpoint, detach: true });
      expect(await cat(`/proc/${user.pid}/cwd/written`)).toBe("mine");
    } finally {
      user.kill("SIGKILL");
    }
    await daemon?.stop({ busy: "detach", keepMounts: false });
    await daemon?.stopped;
    await start();
    expect(await readdir(join(root, "writable"))).toEqual([]);
  });

  it("counts the reads of a tree", async () => {
    await mountOn("mnt");
    await run("tar", ["-cf", "/dev/null", "-C", join(folder, "mnt"), "."]);
    await sha256Of(join(folder, "mnt/big"));
    const { reads } = await client.status();
    if (driver === "erofs") expect(reads.hits + reads.misses).toBeGreaterThan(0);
    expect(reads.errors).toBe(0);
  });

  it("leaves mounts of others alone at a start, on its own mountpoints too", async () => {
    await mountOn("mnt");
    const mountpoint = join(folder, "mnt");
    await daemon?.stop({ busy: "refuse", keepMounts: true });
    await daemon?.stopped;
    const [lower, other] = [join(folder, "lower"), join(folder, "other")];
    for (const path of [lower, other]) await mkdir(path);
    await writeFile(join(lower, "theirs"), "theirs");
    await run("mount", ["-t", "overlay", "theirs", "-o", `lowerdir=${lower}:${other}`, mountpoint]);
    await start();
    await expect.poll(() => readFile(new NodePaths(root).log, "utf8")).toContain("mount not restored");
    expect(await cat(join(mountpoint, "theirs"))).toBe("theirs");
    await run("umount", [mountpoint]);
    await expect.poll(() => cat(join(mountpoint, "etc/hello")).catch(() => ""), { timeout: 15_000 }).toBe("hello\n");
  });

  it("refuses a second mount on the same place and an unmount of what is not its own", async () => {
    await mountOn("mnt");
    await expect(mountOn("mnt")).rejects.toMatchObject({ code: "MOUNTPOINT" });
    await expect(client.unmount({ mountpoint: "/proc", detach: false })).rejects.toMatchObject({ code: "NOT_MOUNTED" });
  });
});
