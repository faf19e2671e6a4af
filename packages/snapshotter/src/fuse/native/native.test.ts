import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { answer } from "./answer.js";
import { namesOfPath, stringOfName } from "./names.js";
import { nativeStat } from "./native-stat.js";
import { PathError } from "./path-operations.js";

const attributes = {
  mode: 0o20644,
  uid: 1,
  gid: 2,
  sizeBytes: 0,
  linkCount: 1,
  inode: 3,
  rdevMajor: 0,
  rdevMinor: 0,
  mtimeMs: 0,
};

describe("names", () => {
  it("come back as the bytes they were", () => {
    const name = fc.uint8Array({ minLength: 1, maxLength: 255 }).filter((bytes) => !bytes.includes(0x2f));
    fc.assert(
      fc.property(fc.array(name, { maxLength: 5 }), (names) => {
        const path = `/${names.map(stringOfName).join("/")}`;
        expect(namesOfPath(path).map((each) => [...each])).toEqual(names.map((each) => [...each]));
      }),
    );
  });
});

describe("nativeStat", () => {
  it("writes device numbers as the kernel reads them", () => {
    const { rdev } = nativeStat({ ...attributes, rdevMajor: 300, rdevMinor: 70_000 });
    expect([(rdev >>> 8) & 0xfff, (rdev & 0xff) | ((rdev >>> 12) & 0xf_ff00)]).toEqual([300, 70_000]);
  });

  it("shows times before 1970 as 1970", () => {
    expect(nativeStat({ ...attributes, mtimeMs: -5000 }).mtime).toBe(0);
  });
});

describe("answer", () => {
  /** Everything that was said, in order. */
  const said = async (work: Parameters<typeof answer<number>>[0]): Promise<unknown[]> => {
    const log: unknown[] = [];
    answer(
      work,
      30,
      (result) => log.push(result),
      (code) => log.push(code),
      (error) => log.push(String(error)),
    );
    await new Promise((resolve) => setTimeout(resolve, 60));
    return log;
  };

  it("gives the result once", async () => {
    expect(await said(async () => 42)).toEqual([42]);
  });

  it("gives what a file system may say as its errno, without a word", async () => {
    expect(await said(() => Promise.reject(new PathError("ENOENT")))).toEqual([-2]);
  });

  it("gives EIO for every other error, and tells it", async () => {
    expect(await said(() => Promise.reject(new Error("gone")))).toEqual([-5, "Error: gone"]);
  });

  it("gives EIO at the deadline and ends the work, whose late result is nothing", async () => {
    let aborted = false;
    const log = await said(async ({ signal }) => {
      await new Promise((resolve) => setTimeout(resolve, 45));
      aborted = signal?.aborted ?? false;
      return 42;
    });
    expect(log).toEqual([-5, expect.stringMatching(/deadline/)]);
    expect(aborted).toBe(true);
  });
});
