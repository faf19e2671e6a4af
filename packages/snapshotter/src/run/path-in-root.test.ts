import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PathInRootError, readFileInRoot, resolveInRoot } from "./path-in-root.js";

describe("a path inside a container's root", () => {
  let folder: string;
  let root: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "in-root-"));
    root = join(folder, "root");
    await mkdir(join(root, "etc"), { recursive: true });
    await writeFile(join(folder, "secret"), "of the host");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("stays inside whatever its dots say", async () => {
    expect(await resolveInRoot(root, "/../../etc/./passwd")).toBe(join(root, "etc/passwd"));
    expect(await resolveInRoot(root, "/")).toBe(root);
  });

  it("takes absolute and climbing symlinks as the container would", async () => {
    await symlink("/usr/share/passwd", join(root, "etc/passwd"));
    await symlink("../../../../secret", join(root, "etc/group"));
    expect(await resolveInRoot(root, "/etc/passwd")).toBe(join(root, "usr/share/passwd"));
    expect(await resolveInRoot(root, "/etc/group")).toBe(join(root, "secret"));
  });

  it("follows a directory that is a symlink", async () => {
    await mkdir(join(root, "real"));
    await writeFile(join(root, "real/file"), "inside");
    await symlink("real", join(root, "alias"));
    expect(await readFileInRoot(root, "/alias/file", 100)).toBe("inside");
  });

  it("refuses a circle of symlinks", async () => {
    await symlink("b", join(root, "a"));
    await symlink("a", join(root, "b"));
    await expect(resolveInRoot(root, "/a")).rejects.toThrow(PathInRootError);
  });

  it("never reads a file of the host", async () => {
    await symlink(join(folder, "secret"), join(root, "etc/passwd"));
    await symlink("../../secret", join(root, "etc/group"));
    expect(await readFileInRoot(root, "/etc/passwd", 100)).toBeUndefined();
    expect(await readFileInRoot(root, "/etc/group", 100)).toBeUndefined();
  });

  it("refuses what is no regular file, a fifo without waiting for a writer, and what is too large", async () => {
    await promisify(execFile)("mkfifo", [join(root, "etc/passwd")]);
    await writeFile(join(root, "etc/group"), "x".repeat(101));
    await expect(readFileInRoot(root, "/etc", 100)).rejects.toThrow(/no regular file/);
    await expect(readFileInRoot(root, "/etc/passwd", 100)).rejects.toThrow(/no regular file/);
    await expect(readFileInRoot(root, "/etc/group", 100)).rejects.toThrow(/at most 100/);
  });

  it.skipIf(process.getuid?.() !== 0)("opens no device of the image: one without a driver would say so", async () => {
    await promisify(execFile)("mknod", [join(root, "etc/passwd"), "c", "60", "255"]); // 60 is for local use: nobody's
    await expect(readFileInRoot(root, "/etc/passwd", 100)).rejects.toThrow(PathInRootError);
  });

  it("is undefined when a directory of it is missing or is none", async () => {
    await writeFile(join(root, "file"), "");
    expect(await readFileInRoot(root, "/no/such", 100)).toBeUndefined();
    expect(await readFileInRoot(root, "/file/below", 100)).toBeUndefined();
  });
});
