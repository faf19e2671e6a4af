import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Of } from "@sluice/oci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DiskLease } from "../disks/disks.js";
import type { Driver } from "../drivers/index.js";
import { Lowers } from "./lowers.js";

describe("the lower mounts of a node", () => {
  let folder: string;
  let log: string[];
  let failing: boolean;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "lowers-"));
    log = [];
    failing = false;
  });
  afterEach(() => rm(folder, { recursive: true }));

  const driver = (name: Driver["name"], onUnmount: (let_go: () => void) => void = (go) => go()): Driver =>
    ({
      name,
      mount: async (disk: { name: string }, mountpoint: string) => {
        if (failing) throw new Error("no kernel");
        log.push(`mount ${name} ${disk.name.slice(64)}`);
        let release: () => void = () => undefined;
        const released = new Promise<void>((resolve) => {
          release = resolve;
        });
        const unmount = async (): Promise<void> => {
          log.push(`unmount ${name}`);
          onUnmount(release);
        };
        return { driver: name, mountpoint, unmount, released };
      },
    }) as unknown as Driver; // what lowers ask of it
  const lease = (name: string): DiskLease => ({
    disk: { digest: sha256Of(name) } as DiskLease["disk"],
    release: async () => {
      log.push(`close ${name}`);
    },
  });

  it("are one per disk, kept until the last user leaves", async () => {
    const lowers = new Lowers(folder);
    const erofs = driver("erofs");
    const first = await lowers.acquire(erofs, lease("a"));
    const second = await lowers.acquire(erofs, lease("a"));
    expect(second.path).toBe(first.path);
    expect(log).toEqual(["mount erofs -1", "close a"]);
    await first.release();
    await first.release();
    expect(log).toHaveLength(2);
    await second.release();
    expect(log.slice(2)).toEqual(["unmount erofs", "close a"]);
    expect(await readdir(folder)).toEqual([]);
  });

  it("are apart for different disks and drivers", async () => {
    const lowers = new Lowers(folder);
    const paths = [
      await lowers.acquire(driver("erofs"), lease("a")),
      await lowers.acquire(driver("fuse-native"), lease("a")),
      await lowers.acquire(driver("erofs"), lease("b")),
    ].map((lower) => lower.path);
    expect(new Set(paths).size).toBe(3);
  });

  it("keep the disk open for who reads on through a detached mount, and can be mounted anew meanwhile", async () => {
    let letGo: () => void = () => undefined;
    const slow = driver("erofs", (go) => {
      letGo = go;
    });
    const lowers = new Lowers(folder);
    await (await lowers.acquire(slow, lease("a"))).release();
    expect(log).toEqual(["mount erofs -1", "unmount erofs"]);
    await lowers.acquire(slow, lease("a"));
    expect(log).toContain("mount erofs -2");
    letGo();
    await Promise.resolve();
    expect(log.at(-1)).toBe("close a");
  });

  it("leave nothing when the driver fails, and can be tried again", async () => {
    const lowers = new Lowers(folder);
    failing = true;
    await expect(lowers.acquire(driver("erofs"), lease("a"))).rejects.toThrow("no kernel");
    expect(log).toEqual(["close a"]);
    expect(await readdir(folder)).toEqual([]);
    failing = false;
    await lowers.acquire(driver("erofs"), lease("a"));
    expect(log).toContain("mount erofs -2");
  });
});
