import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FileTooLargeError, readFileIfPresent, removeTemporaries, writeWholeFile } from "./whole-file.js";

describe("a whole file", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "whole-file-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("holds what was written last, is private, and leaves no temporary", async () => {
    const path = join(folder, "new", "a.json");
    await writeWholeFile(path, "one");
    await writeWholeFile(path, "two");
    expect(await readFile(path, "utf8")).toBe("two");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(folder, "new"))).toEqual(["a.json"]);
  });

  it("is one of the versions, whole, when many write at once", async () => {
    const path = join(folder, "a.json");
    const versions = Array.from({ length: 8 }, (_, i) => String(i).repeat(50_000));
    await Promise.all(versions.map((version) => writeWholeFile(path, version)));
    expect(versions).toContain(await readFile(path, "utf8"));
    expect(await readdir(folder)).toEqual(["a.json"]);
  });

  it("keeps the old version and no temporary when the new one cannot be put in place", async () => {
    await expect(writeWholeFile(folder, "x")).rejects.toMatchObject({
      code: expect.stringMatching(/EISDIR|ENOTEMPTY/),
    });
    expect(await readdir(join(folder, ".."))).not.toContainEqual(expect.stringContaining(".tmp-"));
  });

  it("is undefined when absent and refused when larger than anything we write", async () => {
    const path = join(folder, "a.json");
    expect(await readFileIfPresent(path, 10)).toBeUndefined();
    await writeFile(path, "0123456789A");
    await expect(readFileIfPresent(path, 10)).rejects.toThrow(FileTooLargeError);
    expect(await readFileIfPresent(path, 11)).toEqual(Buffer.from("0123456789A"));
  });

  it("leaves temporaries of a crash only until they are swept", async () => {
    await writeFile(join(folder, ".tmp-a.json-1"), "half");
    await writeFile(join(folder, "b.json"), "whole");
    await removeTemporaries(folder);
    await removeTemporaries(join(folder, "absent"));
    expect(await readdir(folder)).toEqual(["b.json"]);
  });
});
