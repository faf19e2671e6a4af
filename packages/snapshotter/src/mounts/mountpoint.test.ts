import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkMountpoint } from "./mountpoint.js";

describe("a mountpoint", () => {
  let folder: string;
  let root: string;
  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "mountpoint-")));
    root = join(folder, "root");
    await mkdir(root);
    await mkdir(join(folder, "mnt"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("is a folder, by its real path", async () => {
    await symlink("mnt", join(folder, "alias"));
    expect(await checkMountpoint(join(folder, "alias"), root)).toBe(join(folder, "mnt"));
  });

  it("must exist", async () => {
    await expect(checkMountpoint(join(folder, "no"), root)).rejects.toThrow(/does not exist: make the folder first/);
    await writeFile(join(folder, "file"), "");
    await expect(checkMountpoint(join(folder, "file", "below"), root)).rejects.toThrow(/does not exist/);
  });

  it("must be a folder", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(checkMountpoint(join(folder, "file"), root)).rejects.toThrow(/is not a folder/);
  });

  it.each(["/proc", "/"])("cannot be %s", async (path) => {
    await expect(checkMountpoint(path, root)).rejects.toMatchObject({ code: "MOUNTPOINT" });
  });

  it("cannot hide the data root or lie in it", async () => {
    await mkdir(join(root, "x"));
    for (const path of [root, join(root, "x"), folder]) {
      await expect(checkMountpoint(path, root)).rejects.toThrow(/data root/);
    }
  });
});
