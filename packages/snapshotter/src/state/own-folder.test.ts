import { chmod, chown, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { requireOwnFolder, UnsafeFolderError } from "./own-folder.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-own-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("a folder that is trusted", () => {
  it("may be read by others", async () => {
    await chmod(folder, 0o755);
    await expect(requireOwnFolder(folder)).resolves.toBeUndefined();
  });

  it.each([0o777, 0o775, 0o1777])("is refused with mode %o", async (mode) => {
    await chmod(folder, mode);
    await expect(requireOwnFolder(folder)).rejects.toThrow(/chmod go-w/);
  });

  it("is refused when it is somebody else's", async () => {
    const isRoot = process.geteuid?.() === 0;
    if (isRoot) await chown(folder, 12_345, 0);
    await expect(requireOwnFolder(isRoot ? folder : "/")).rejects.toThrow(/belongs to user/);
  });

  it("is neither a file nor a link", async () => {
    await writeFile(join(folder, "file"), "");
    await symlink(folder, join(folder, "link"));
    for (const name of ["file", "link"]) {
      await expect(requireOwnFolder(join(folder, name))).rejects.toThrow(UnsafeFolderError);
    }
  });
});
