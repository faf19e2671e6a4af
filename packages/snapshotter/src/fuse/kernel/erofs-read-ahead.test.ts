import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { mountReadingAheadLater, mountWithoutReadAhead, type ReadAheadSystem } from "./erofs-read-ahead.js";

describe("a mount without read-ahead", () => {
  let devices: string;
  let calls: string[];
  beforeEach(async () => {
    devices = await mkdtemp(join(tmpdir(), "sluice-bdi-"));
    calls = [];
  });
  afterEach(() => rm(devices, { recursive: true }));
  const system = (): ReadAheadSystem => ({
    devices,
    unmount: async (target, { lazy }) => void calls.push(`unmount ${target}, lazy ${lazy}`),
  });
  /** A mount that brings this folder of a device along. */
  const bringing = (folder: string) => async (): Promise<void> => {
    await mkdir(join(devices, folder), { recursive: true });
    if (!folder.includes("/")) await writeFile(join(devices, folder, "read_ahead_kb"), "128");
    calls.push("mount");
  };
  const mountBringing = (folder: string): Promise<() => Promise<void>> =>
    mountWithoutReadAhead("/nowhere/mounted", bringing(folder), system());
  const readAheadKib = (): Promise<string> => readFile(join(devices, "erofs-4", "read_ahead_kb"), "utf8");

  it("sets it to none on the device that came with the mount, and back when asked to", async () => {
    await mkdir(join(devices, "erofs-3"));
    const readAheadAgain = await mountBringing("erofs-4");
    expect(await readAheadKib()).toBe("0");
    await readAheadAgain();
    expect(await readAheadKib()).toBe("128");
    await expect(readFile(join(devices, "erofs-3", "read_ahead_kb"))).rejects.toThrow("ENOENT");
    expect(calls).toEqual(["mount"]);
  });

  it("does not lose it to a mount of somebody else that came and went meanwhile", async () => {
    const mount = async (): Promise<void> => {
      await mkdir(join(devices, "erofs-3")); // its settings are gone already
      await bringing("erofs-4")();
    };
    const readAheadAgain = await mountWithoutReadAhead("/nowhere/mounted", mount, system());
    expect(await readAheadKib()).toBe("0");
    await readAheadAgain();
    expect(await readAheadKib()).toBe("128");
    expect(calls).toEqual(["mount"]);
  });

  it("is taken away again when its device is not to be found", async () => {
    await expect(mountBringing("7:0")).rejects.toThrow("no device of the mount");
    expect(calls).toEqual(["mount", "unmount /nowhere/mounted, lazy true"]);
  });

  it("is taken away again when the kernel does not let it be set", async () => {
    await expect(mountBringing("erofs-5/read_ahead_kb")).rejects.toThrow("EISDIR");
    expect(calls).toEqual(["mount", "unmount /nowhere/mounted, lazy true"]);
  });

  it("that was not made is not taken away", async () => {
    const refused = new Error("refused");
    const made = mountWithoutReadAhead("/nowhere/mounted", () => Promise.reject(refused), system());
    await expect(made).rejects.toBe(refused);
    expect(calls).toEqual([]);
  });

  it("may have it back after a while", async () => {
    await mountReadingAheadLater("/nowhere/mounted", bringing("erofs-4"), 20, system());
    expect(await readAheadKib()).toBe("0");
    await expect.poll(readAheadKib).toBe("128");
  });

  it("is made with it where it cannot be stopped and need not be", async () => {
    await mountReadingAheadLater("/nowhere/mounted", bringing("7:0"), 20, system());
    expect(calls).toEqual(["mount", "unmount /nowhere/mounted, lazy true", "mount"]);
  });
});
