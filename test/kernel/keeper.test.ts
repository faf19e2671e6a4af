import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isMountpoint } from "@sluice/snapshotter";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CheckingReaders } from "../support/checking-readers.js";
import { KeptNode, type NoiseImage } from "../support/kept-node.js";
import { endByMemory, whyNoMemoryLimit } from "../support/memory-limit.js";
import { output, sha256Of, started } from "../support/other-process.js";
import { eventually } from "../support/served-disk.js";

/** More for an hour of patience: SLUICE_KILLS=100. */
const kills = Number(process.env["SLUICE_KILLS"] ?? 3);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const noMemoryLimit = await whyNoMemoryLimit();

describe("a node with a keeper", () => {
  let node: KeptNode;
  let image: NoiseImage;
  let mountpoint: string;
  let writable: string;

  beforeAll(async () => {
    node = await KeptNode.create();
    image = await node.makeImage("app", 12, 600_000);
    mountpoint = await node.mount(image, "mnt");
    writable = await node.mount(image, "rw", "--writable");
    await writeFile(join(writable, "written"), "kept");
  });
  afterAll(() => node[Symbol.asyncDispose]());

  const readers = (count: number): Promise<CheckingReaders> =>
    CheckingReaders.start(count, mountpoint, image.sums, { disks: node.paths.session, scratch: node.folder });
  const right = { complaints: [] };

  it("answers every read right, and keeps every mount, while its daemon is killed again and again", async () => {
    const before = await node.mountIds();
    const { takeOvers = 0 } = (await node.status()).keeper ?? {};
    const reading = await readers(8);
    for (let kill = 0; kill < kills; kill++) {
      await pause(Math.random() * 500);
      await node.killDaemon();
    }
    const passes = reading.passes;
    await eventually("reading goes on", () => reading.passes > passes + 8, 60_000);
    expect(await reading.stop()).toMatchObject(right);
    expect(await node.mountIds()).toEqual(before);
    expect((await node.status()).keeper?.takeOvers).toBe(takeOvers + kills);
    expect((await node.client.mounts()).map((mount) => mount.mountpoint).sort()).toEqual([mountpoint, writable].sort());
    expect(await output("cat", [join(writable, "written")])).toBe("kept");
  });

  it.skipIf(noMemoryLimit !== "")(
    `answers every read right when the kernel kills its daemon for its memory ${noMemoryLimit}`,
    async () => {
      const before = await node.mountIds();
      const { pid, keeper } = await node.status();
      const reading = await readers(4);
      await endByMemory(pid, () => node.client.mounts().catch(() => undefined));
      const passes = reading.passes;
      await eventually("reading goes on", () => reading.passes > passes + 4, 60_000);
      expect(await reading.stop()).toMatchObject(right);
      expect((await node.status()).keeper?.takeOvers).toBe((keeper?.takeOvers ?? 0) + 1);
      expect(await node.mountIds()).toEqual(before);
    },
  );

  it("replaces its keeper when that is killed, and that one its daemon", async () => {
    const before = await node.mountIds();
    const { pid } = await node.status();
    const reading = await readers(2);
    await node.killKeeper();
    expect((await node.status()).pid).toBe(pid);
    await node.killDaemon();
    await node.killKeeper();
    await node.killDaemon();
    expect(await reading.stop()).toMatchObject(right);
    expect(await node.mountIds()).toEqual(before);
  });

  it("replaces its daemon by one of another program when told to, with nobody noticing", async () => {
    const before = await node.mountIds();
    const { pid } = await node.status();
    const reading = await readers(4);
    await node.must("daemon", "restart");
    expect((await node.status()).pid).not.toBe(pid);
    expect(await reading.stop()).toMatchObject(right);
    expect(await node.mountIds()).toEqual(before);
  });

  it("goes on with the earlier program when the new one does not serve", async () => {
    const keeper = await node.keeperPid();
    await writeFile(node.paths.nextCommand, JSON.stringify([process.execPath, "-e", "process.exit(7)"]));
    const { pid } = await node.status();
    process.kill(keeper, "SIGHUP");
    await eventually("it was replaced", async () => (await node.status()).pid !== pid, 30_000);
    expect(await node.keeperPid()).toBe(keeper);
    expect(await sha256Of(join(mountpoint, "f0"))).toBe(image.sums.get("f0"));
  });

  it("replaces a daemon that failed in a way nobody handles, although its threads wait for the kernel", async () => {
    const command = (await readFile(`/proc/${(await node.status()).pid}/cmdline`, "utf8")).split("\0").slice(0, -1);
    const fails = 'process.on("SIGUSR2", () => { throw new Error("a fault of the program"); });';
    const [program = "", ...args] = command;
    const next = [program, "--import", `data:text/javascript,${encodeURIComponent(fails)}`, ...args];
    await writeFile(node.paths.nextCommand, JSON.stringify(next));
    await node.replaceDaemon(({ keeper }) => process.kill(keeper, "SIGHUP"));
    const before = await node.mountIds();
    const reading = await readers(2);
    await node.replaceDaemon(({ daemon }) => process.kill(daemon, "SIGUSR2"));
    expect(await reading.stop()).toMatchObject(right);
    expect(await node.mountIds()).toEqual(before);
    expect(await readFile(node.paths.log, "utf8")).toContain("a fault of the program");
    await node.must("daemon", "restart");
  });

  it("lets verbs that are under way when its daemon is killed do what they were asked to", async () => {
    const other = await node.makeImage("other", 3, 300_000);
    for (let round = 0; round < 2; round++) {
      const mounting = node.mount(other, "other");
      await pause(300 + Math.random() * 500);
      await node.killDaemon();
      const place = await mounting;
      expect(await sha256Of(join(place, "f2"))).toBe(other.sums.get("f2"));
      const unmounting = node.must("umount", place);
      await pause(Math.random() * 500);
      await node.killDaemon();
      await unmounting;
      expect(await isMountpoint(place)).toBe(false);
    }
    await eventually("no disk is left", async () => (await readdir(node.paths.session)).length === 1);
    expect(await readdir(node.paths.openHandles)).toHaveLength(1);
  });

  it("answers a mount and a read late whose bytes were still on their way when its daemon was killed", async () => {
    const slow = await node.makeImage("slow", 2, 300_000);
    const isBlob = {
      when: ({ path, method }: { path: string; method: string }) => method === "GET" && path.includes("/blobs/"),
    };
    const hurry = node.registry.faults.add({ ...isBlob, fault: { kind: "delay", delayMs: 1500 } });
    try {
      const mounting = node.mount(slow, "slow");
      await pause(1500);
      await node.killDaemon();
      const place = await mounting;
      const reading = sha256Of(join(place, "f1"));
      await pause(300);
      await node.killDaemon();
      expect(await reading).toBe(slow.sums.get("f1"));
      await node.must("umount", place);
    } finally {
      hurry();
    }
  });

  it("keeps a disk that somebody reads through a detached mount, and lets it go with the reader", async () => {
    const held = await node.makeImage("held", 2, 300_000);
    const place = await node.mount(held, "held");
    const disks = (): Promise<string[]> => readdir(node.paths.session);
    const holder = started("sh", ["-c", 'exec 3< "$0"; exec sleep 1000', join(place, "f0")]);
    await eventually("it is open", async () => (await readdir(`/proc/${holder.pid}/fd`)).includes("3"));
    await node.must("umount", "--detach", place);
    await node.killDaemon();
    expect(await disks()).toHaveLength(2);
    expect(await sha256Of(`/proc/${holder.pid}/fd/3`)).toBe(held.sums.get("f0"));
    holder.kill("SIGKILL");
    await eventually("the disk is gone", async () => (await disks()).length === 1, 20_000);
  });

  it("brings its mounts back after a reboot, from what is on this machine", async () => {
    await node.killBoth();
    for (const target of Object.keys(await node.mountIds()).reverse()) await output("umount", ["-l", target]);
    await rm(node.paths.run, { recursive: true });
    await mkdir(node.paths.run, { mode: 0o700 });
    const away = node.registry.faults.add({ fault: { kind: "status", status: 503 } });
    try {
      await node.must("daemon", "start");
      await eventually("they are back", async () => (await node.client.mounts()).length === 2, 20_000);
      for (const [name, sum] of image.sums) expect(await sha256Of(join(mountpoint, name))).toBe(sum);
      expect(await output("cat", [join(writable, "written")])).toBe("kept");
    } finally {
      away();
    }
  });
});
