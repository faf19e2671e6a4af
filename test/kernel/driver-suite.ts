import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Driver, DriverEvent, MountedDisk } from "@sluice/snapshotter";
import { FileChunks } from "@sluice/snapshotter/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type DiskEntry, type DiskImage, writeDiskImage } from "../support/erofs-disk.js";
import { complaint, endOf, output, sha256Of, started } from "../support/other-process.js";
import { eventually, forever, ServedDisk } from "../support/served-disk.js";
import { listTree } from "../support/tree.js";

export interface DriverRig {
  readonly work: string;
  readonly chunks: FileChunks;
  readonly onEvent: (event: DriverEvent) => void;
  readonly deadlineMs: number;
}

const big = randomBytes(3_000_001);
const small = Buffer.from("a small file\n");
const strange = Buffer.from([0xff, 0xfe, 0x80, 0x20, 0x5c, 0x0a]);
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const entries: readonly DiskEntry[] = [
  { path: "dir", type: "directory", mode: 0o1777, uid: 1000, gid: 100, mtimeSeconds: 1_700_000_000 },
  { path: "dir/big", content: big, mode: 0o640, uid: 70_000, gid: 4_000_000_000, mtimeSeconds: 4_102_444_800 },
  { path: "dir/hard", type: "hardLink", target: "dir/big" },
  { path: "empty", mode: 0o4755 },
  { path: "small", content: small, xattrs: { "user.binary": Uint8Array.of(0, 255, 1), "user.empty": "" } },
  { path: "link", type: "symlink", target: Buffer.concat([Buffer.from("dir/"), strange]), mode: 0o777 },
  { path: strange, content: Buffer.from("strange name") },
  { path: Buffer.alloc(255, 0xe9), content: Buffer.from("long name") },
  { path: "é", content: Buffer.from("UTF-8 name") },
  { path: "null", type: "characterDevice", mode: 0o666, rdevMajor: 1, rdevMinor: 3 },
  { path: "large-numbers", type: "blockDevice", rdevMajor: 300, rdevMinor: 70_000 },
  { path: "fifo", type: "fifo" },
  { path: "many", type: "directory" },
  ...Array.from({ length: 2000 }, (_, i) => ({ path: `many/file-${i}`, content: Buffer.from(`${i}`) })),
];

/** What every Driver owes its callers, seen from other processes. Run it against each. */
export function driverSuite(name: string, make: (rig: DriverRig) => Driver): void {
  describe(`${name} is a Driver`, () => {
    let work: string;
    let image: DiskImage;
    let chunks: FileChunks;
    let driver: Driver;
    let disk: ServedDisk;
    let events: DriverEvent[];
    let mountpoint: string;

    beforeAll(async () => {
      work = await mkdtemp(join(tmpdir(), `sluice-${name}-`));
      await chmod(work, 0o755);
      image = await writeDiskImage(join(work, "image"), entries);
      mountpoint = join(work, "mount");
      await mkdir(mountpoint);
    });
    afterAll(async () => {
      await rm(work, { recursive: true });
    });
    beforeEach(() => {
      events = [];
      chunks = new FileChunks([image.path]);
      driver = make({ work, chunks, onEvent: (event) => events.push(event), deadlineMs: 2000 });
      disk = new ServedDisk("disk", image, chunks);
    });
    afterEach(async () => {
      await driver.close({ force: true });
      expect(chunks.readers.size).toBe(0);
    });

    const mount = (): Promise<MountedDisk> => driver.mount(disk, mountpoint);
    const inMount = (path: string): string => join(mountpoint, path);

    it("works on this machine and says how", async () => {
      const how =
        /^the kernel's EROFS reads the disk, (straight from the FUSE file|through a loop device .*)$|^libfuse shows the disk/;
      expect(await driver.probe()).toMatchObject({ ok: true, reason: expect.stringMatching(how) });
    });

    it("shows every path with its type, attributes, link target, xattrs, hard links and content", async () => {
      await mount();
      const listing = join(work, "listing");
      await listTree(mountpoint, listing);
      const rows = new Map(
        (await readFile(listing, "utf8"))
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line) as Record<string, unknown>)
          .map((row) => [row["path"], row] as const),
      );
      expect(rows.size).toBe(entries.length + 1);
      expect(rows.get("/dir")).toMatchObject({ type: "directory", mode: "0o1777", uid: 1000, gid: 100 });
      const file = { uid: 70_000, gid: 4_000_000_000, size: big.length, mtime: "4102444800000000000" };
      expect(rows.get("/dir/big")).toMatchObject({ type: "file", mode: "0o640", ...file });
      expect(rows.get("/dir/hard")).toMatchObject({ type: "file", ...file });
      expect(rows.get("/empty")).toMatchObject({ type: "file", mode: "0o4755", size: 0 });
      expect(rows.get("/small")).toMatchObject({ xattrs: { "user.binary": "\0ÿ\x01", "user.empty": "" } });
      expect(rows.get("/link")).toMatchObject({ type: "symlink", target: `dir/${strange.toString("latin1")}` });
      expect(rows.get(`/${strange.toString("latin1")}`)).toMatchObject({ type: "file", size: 12 });
      expect(rows.get(`/${"é".repeat(255)}`)).toMatchObject({ type: "file", size: 9 });
      expect(rows.get(`/${Buffer.from("é").toString("latin1")}`)).toMatchObject({ type: "file", size: 10 });
      expect(rows.get("/null")).toMatchObject({ type: "char", device: [1, 3] });
      expect(rows.get("/large-numbers")).toMatchObject({ type: "block", device: [300, 70_000] });
      expect(rows.get("/fifo")).toMatchObject({ type: "fifo" });
      expect(events).toEqual([]);
    });

    it("gives hard links one inode", async () => {
      await mount();
      const inodes = (await output("stat", ["-c", "%i %h", inMount("dir/big"), inMount("dir/hard")]))
        .trim()
        .split("\n");
      expect(inodes[0]).toBe(inodes[1]);
      expect(inodes[0]).toMatch(/ 2$/);
    });

    it("is read only", async () => {
      await mount();
      expect(await complaint("touch", [inMount("new")])).toMatch(/Read-only file system/);
      expect(await complaint("sh", ["-c", `echo x >> '${inMount("small")}'`])).toMatch(/Read-only file system/);
    });

    it("reads right bytes whole, at odd offsets and past the end", async () => {
      await mount();
      expect(await sha256Of(inMount("dir/big"))).toBe(sha256(big));
      const piece = ["bs=1", "skip=1234567", "count=70001", "status=none"];
      expect(await output("dd", [`if=${inMount("dir/big")}`, ...piece])).toBe(
        big.toString("latin1", 1_234_567, 1_304_568),
      );
      expect(await output("dd", [`if=${inMount("dir/big")}`, "bs=1000000", "skip=3", "status=none"])).toBe(
        big.toString("latin1", 3_000_000),
      );
    });

    it("lets people who are not root read what modes allow them, and nothing else", async () => {
      await mount();
      const asNobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
      expect(await output("setpriv", [...asNobody, "cat", inMount("small")])).toBe(small.toString());
      expect(await complaint("setpriv", [...asNobody, "cat", inMount("dir/big")])).toMatch(/Permission denied/);
    });

    it("waits for bytes that are on their way", async () => {
      disk.setData("absent");
      disk.onRead = async (offset) => {
        if (disk.isData(offset)) await new Promise((resolve) => setTimeout(resolve, 150));
      };
      await mount();
      expect(await sha256Of(inMount("dir/big"))).toBe(sha256(big));
      expect(disk.reads).toBeGreaterThan(0);
      expect(events).toEqual([]);
    });

    it("answers EIO when the bytes cannot be had, says why, and reads them later all the same", async () => {
      disk.setData("absent");
      let isBroken = true;
      disk.onRead = async (offset) => {
        if (isBroken && disk.isData(offset)) throw new Error("the registry is on fire");
      };
      await mount();
      expect(await complaint("cat", [inMount("dir/big")])).toMatch(/Input\/output error/);
      expect(events[0]).toMatchObject({ driver: name, kind: "read-failed" });
      expect(String(events[0]?.error)).toMatch(/the registry is on fire/);
      isBroken = false;
      expect(await sha256Of(inMount("dir/big"))).toBe(sha256(big));
    });

    it("answers EIO at the deadline, and gives up the work", async () => {
      disk.setData("absent");
      let aborted = 0;
      disk.onRead = async (offset, signal) => {
        if (!disk.isData(offset)) return;
        signal?.addEventListener("abort", () => aborted++);
        await forever(signal);
      };
      await mount();
      const started = performance.now();
      expect(await complaint("cat", [inMount("small")])).toMatch(/Input\/output error/);
      expect(performance.now() - started).toBeLessThan(10_000);
      expect(String(events[0]?.error)).toMatch(/deadline of 2 s/);
      expect(aborted).toBeGreaterThan(0);
    });

    it("goes on for others while one reader waits", async () => {
      disk.setData("absent");
      const waiting: (() => void)[] = [];
      disk.onRead = (offset) => {
        if (!disk.isData(offset)) return Promise.resolve();
        return new Promise((resolve) => {
          waiting.push(resolve);
        });
      };
      await mount();
      const reader = started("cat", [inMount("dir/big")]);
      await eventually("a read waits", () => waiting.length > 0);
      expect((await output("ls", [inMount("many")])).split("\n")).toHaveLength(2001);
      disk.onRead = () => Promise.resolve();
      for (const resolve of waiting) resolve();
      expect(await endOf(reader)).toBe(0);
    });

    it("lets a reader be killed in the middle of a read", async () => {
      disk.setData("absent");
      let waits = 0;
      disk.onRead = async (offset, signal) => {
        if (!disk.isData(offset)) return;
        waits++;
        await forever(signal);
      };
      const mounted = await mount();
      for (const signal of ["SIGINT", "SIGKILL"] as const) {
        const before = waits;
        const reader = started("cat", [inMount("dir/big")]);
        await eventually("the read waits", () => waits > before);
        reader.kill(signal);
        expect(await endOf(reader)).toBe(signal);
      }
      disk.setData("present");
      disk.onRead = async () => undefined;
      await eventually("the reads have ended", async () =>
        (await output("sh", ["-c", `sha256sum < '${inMount("dir/big")}' || true`])).startsWith(sha256(big)),
      );
      await mounted.unmount();
    });

    it("refuses to unmount under a user, names it, and unmounts when it has gone", async () => {
      const mounted = await mount();
      const sleeper = started("sh", ["-c", `cd '${inMount("dir")}' && exec sleep 1000`]);
      await eventually("it is there", async () =>
        (await output("readlink", [`/proc/${sleeper.pid}/cwd`])).includes("dir"),
      );
      await expect(mounted.unmount()).rejects.toMatchObject({
        code: "MOUNT_BUSY",
        holders: [`sleep (${sleeper.pid})`],
      });
      expect(await output("cat", [inMount("small")])).toBe(small.toString());
      sleeper.kill("SIGKILL");
      await endOf(sleeper);
      await mounted.unmount();
      await mounted.released;
      expect(await readdir(mountpoint)).toEqual([]);
    });

    it("unmounts lazily under a user, who goes on", async () => {
      const mounted = await mount();
      const holder = started("sh", ["-c", `exec 3< '${inMount("dir/big")}'; exec sleep 1000`]);
      await eventually("it is open", async () =>
        (await output("ls", ["-l", `/proc/${holder.pid}/fd`])).includes("big"),
      );
      await mounted.unmount({ lazy: true });
      expect(await output("ls", [mountpoint])).toBe("");
      expect(await sha256Of(`/proc/${holder.pid}/fd/3`)).toBe(sha256(big));
      holder.kill("SIGKILL");
      await endOf(holder);
      await mounted.released;
    });

    it("mounts many times without losing a descriptor", async () => {
      const count = async (): Promise<number> => (await readdir("/proc/self/fd")).length;
      await (await mount()).unmount();
      const before = await count();
      for (let round = 0; round < 5; round++) {
        const mounted = await mount();
        expect(await output("cat", [inMount("small")])).toBe(small.toString());
        await mounted.unmount();
        await mounted.released;
      }
      expect(await count()).toBeLessThanOrEqual(before + 1);
    });
  });
}
