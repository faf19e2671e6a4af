import { describe, expect, it } from "vitest";
import { imageOf } from "../testing/image-of.js";
import { ImageFiles } from "./image-files.js";
import { LimitReached, limits } from "./limits.js";
import { StartupSet } from "./startup-set.js";

const image = imageOf({
  "a/b/file": "content",
  "a/up": "->../a/./b/",
  "a/absolute": "->/a/up/file",
  "a/out": "->../../../a/b/file",
  loop: "->loop2",
  loop2: "->loop",
  "a/\u00fc": "umlaut",
});
const pathOf = (path: string, from?: string): string | undefined => {
  const files = new ImageFiles(image);
  const inode = files.find(path, from);
  return inode === -1 ? undefined : files.path(inode);
};

describe("ImageFiles", () => {
  it("finds paths as a process in the container does", () => {
    expect(pathOf("/a//b/./file")).toBe("/a/b/file");
    expect(pathOf("up/file", "/a")).toBe("/a/b/file");
    expect(pathOf("/a/absolute")).toBe("/a/b/file");
    expect(pathOf("/a/out")).toBe("/a/b/file");
    expect(pathOf("/a/up/..")).toBe("/a");
    expect(pathOf("/../..")).toBe("/");
  });

  it("finds nothing behind loops, below files and where nothing is", () => {
    for (const path of ["/loop", "/a/b/file/x", "/a/none"]) expect([path, pathOf(path)]).toEqual([path, undefined]);
  });

  it("names paths a character a byte", () => {
    expect(pathOf("/a/\u00c3\u00bc")).toBe("/a/\u00c3\u00bc");
    expect(pathOf("/a/\u00fc")).toBeUndefined();
  });

  it("lists a directory, and nothing for a file", () => {
    const files = new ImageFiles(image);
    expect([...files.names(files.find("/a"))]).toEqual(["absolute", "b", "out", "up", "\u00c3\u00bc"]);
    expect([...files.names(files.find("/a/b/file"))]).toEqual([]);
  });

  it("reads as far as a file has bytes, and nothing of what is none", async () => {
    const files = new ImageFiles(image);
    const file = files.find("/a/b/file");
    expect((await files.read(file, 3, 100)).toString()).toBe("tent");
    for (const [inode, offset] of [
      [file, 7],
      [file, -1],
      [file, Number.NaN],
      [files.find("/a"), 0],
      [-1, 0],
    ] as const) {
      expect(await files.read(inode, offset, 10)).toHaveLength(0);
    }
    expect(await files.readText(file, 3)).toBeUndefined();
  });

  it("ends the prediction where it would read too often", async () => {
    const files = new ImageFiles(image);
    const file = files.find("/a/b/file");
    const reading = async (): Promise<void> => {
      for (let i = 0; i <= limits.reads; i++) await files.read(file, 0, 1);
    };
    await expect(reading()).rejects.toThrow(LimitReached);
  });
});

describe("StartupSet", () => {
  const paged = imageOf({ one: Buffer.alloc(3 * 4096 + 1), two: Buffer.alloc(4096), empty: "" });
  const set = (): StartupSet => new StartupSet(paged);
  const inode = (path: string): number => new ImageFiles(paged).find(path);

  it("holds every block once, in the order of adding, neighbours as one run", () => {
    const runs = set();
    runs.addRange(inode("/one"), 4096, 4097);
    runs.addRange(inode("/one"), 8191, 2 * 4096 + 1);
    runs.addFile(inode("/two"));
    runs.addFile(inode("/one"));
    expect(runs.runs).toEqual([
      { startBlock: 65, blocks: 2 },
      { startBlock: 68, blocks: 1 },
      { startBlock: 64, blocks: 1 },
      { startBlock: 67, blocks: 1 },
    ]);
  });

  it("holds nothing of directories, empty files, what is not there, and outside of files", () => {
    const runs = set();
    for (const path of ["/", "/empty", "/none"]) runs.addFile(inode(path));
    runs.addRange(inode("/two"), 4096, 1e12);
    runs.addRange(inode("/two"), 10, 5);
    runs.addRange(inode("/two"), Number.NaN, Number.NaN);
    expect(runs.runs).toEqual([]);
  });
});
