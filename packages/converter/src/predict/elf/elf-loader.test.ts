import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { elfFlag, elfOf } from "../../testing/elf-of.js";
import { imageOf } from "../../testing/image-of.js";
import { predictStartup } from "../predict-startup.js";

const interpreter = "/lib64/ld-linux-x86-64.so.2";
const start = { Cmd: ["/bin/program"] };
const pathsOf = async (files: Parameters<typeof imageOf>[0], config = {}): Promise<string[]> => {
  const image = imageOf(files, { ...start, ...config });
  return image.pathsOf(await predictStartup(image));
};

describe("the prediction of an ELF program", () => {
  it("holds its loader, itself and the closure of its libraries, breadth first", async () => {
    const paths = await pathsOf({
      "bin/program": elfOf({ interpreter, needed: ["liba.so", "libb.so"] }),
      "lib64/ld-linux-x86-64.so.2": elfOf({}),
      "usr/lib/liba.so": elfOf({ needed: ["libc.so"] }),
      "usr/lib/libb.so": "->libb.so.1",
      "usr/lib/libb.so.1": elfOf({ needed: ["liba.so"] }),
      "usr/lib/libc.so": elfOf({ needed: ["libb.so"] }),
      "usr/lib/unused.so": elfOf({}),
    });
    expect(paths).toEqual([
      "/lib64/ld-linux-x86-64.so.2",
      "/bin/program",
      "/usr/lib/liba.so",
      "/usr/lib/libb.so.1",
      "/usr/lib/libc.so",
    ]);
  });

  it("finds libraries beside the one that asks when its RUNPATH says so, and does not hand that on", async () => {
    const paths = await pathsOf({
      "bin/program": elfOf({ needed: ["liba.so"], runPath: "$ORIGIN/../own:/nowhere" }),
      "own/liba.so": elfOf({ needed: ["libb.so"] }),
      "own/libb.so": elfOf({}),
      "usr/lib/libb.so": elfOf({}),
    });
    expect(paths).toEqual(["/bin/program", "/own/liba.so", "/usr/lib/libb.so"]);
  });

  it("hands an RPATH on to the libraries of libraries", async () => {
    const paths = await pathsOf({
      "bin/program": elfOf({ needed: ["liba.so"], rpath: `\${ORIGIN}/../own` }),
      "own/liba.so": elfOf({ needed: ["libb.so"] }),
      "own/libb.so": elfOf({}),
      "usr/lib/libb.so": elfOf({}),
    });
    expect(paths).toEqual(["/bin/program", "/own/liba.so", "/own/libb.so"]);
  });

  it("looks into LD_LIBRARY_PATH before the loader's directories", async () => {
    const files = {
      "bin/program": elfOf({ needed: ["liba.so"] }),
      "mine/liba.so": elfOf({}),
      "usr/lib/liba.so": elfOf({}),
    };
    expect(await pathsOf(files, { Env: ["LD_LIBRARY_PATH=/mine"] })).toEqual(["/bin/program", "/mine/liba.so"]);
  });

  it("leaves out of large libraries most of the code, debugging information and tables for exceptions", async () => {
    const page = 4096;
    const image = imageOf(
      {
        "bin/program": elfOf({ needed: ["liba.so"] }),
        "usr/lib/liba.so": elfOf({
          sections: [
            { name: ".dynsym", bytes: 10 * page },
            { name: ".text", bytes: 1000 * page, flags: elfFlag.allocated | elfFlag.executable },
            { name: ".eh_frame", bytes: 100 * page },
            { name: ".data.rel.ro", bytes: 20 * page, flags: elfFlag.allocated | elfFlag.writable },
            { name: ".debug_info", bytes: 50 * page, flags: 0 },
          ],
        }),
      },
      start,
    );
    const pages = image.pagesOf(await predictStartup(image), "/usr/lib/liba.so");
    const range = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first + i);
    expect(pages).toEqual([...range(0, 11 + 48), ...range(11 + 988, 12), ...range(1 + 10 + 1000 + 100, 20)]);
  });

  it("is made of what can be read when a program is damaged", async () => {
    const whole = elfOf({ interpreter, needed: ["liba.so"], runPath: "/x", sections: [{ name: ".text", bytes: 100 }] });
    const damage = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(damage, fc.nat(whole.length), async (changes, length) => {
        const bytes = Buffer.from(whole.subarray(0, length));
        for (const [at, value] of changes) if (at < length) bytes[at] = value;
        bytes.set(Buffer.from("\x7fELF\x02\x01").subarray(0, length), 0);
        const image = imageOf({ "bin/program": bytes, "usr/lib/liba.so": elfOf({}) }, start);
        for (const path of image.pathsOf(await predictStartup(image))) expect(path).toMatch(/^\//);
      }),
      { numRuns: 300 },
    );
  });
});
