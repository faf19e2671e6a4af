import { mkdir, mkdtemp, realpath, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withHeldFolder } from "./held-folder.js";

describe("a folder that is held", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "held-folder-")));
    await mkdir(join(folder, "theirs/mnt"), { recursive: true });
    await mkdir(join(folder, "others/mnt"), { recursive: true });
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("is the one of that name, and stays it when another takes the name", async () => {
    const { ino } = await stat(join(folder, "theirs/mnt"));
    await withHeldFolder(join(folder, "theirs/mnt"), async (held) => {
      await rename(join(folder, "theirs"), join(folder, "away"));
      await symlink("others", join(folder, "theirs"));
      expect((await stat(held)).ino).toBe(ino);
    });
  });

  it("is not held over a symlink, as its last name or before, nor where there is none", async () => {
    const held = (path: string) => withHeldFolder(join(folder, path), async () => "held");
    await symlink("others", join(folder, "symlink"));
    await symlink("mnt", join(folder, "others/symlink"));
    await writeFile(join(folder, "file"), "");
    await expect(held("symlink/mnt")).rejects.toMatchObject({ code: "MOVED_FOLDER" });
    await expect(held("others/symlink")).rejects.toMatchObject({ code: "ENOTDIR" });
    await expect(held("file")).rejects.toMatchObject({ code: "ENOTDIR" });
    await expect(held("none")).rejects.toMatchObject({ code: "ENOENT" });
    expect(await held("others/mnt")).toBe("held");
  });
});
