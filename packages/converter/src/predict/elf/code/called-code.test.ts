import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { callingLibrary, type TestCalls } from "../../../testing/calling-library.js";
import { elfOf } from "../../../testing/elf-of.js";
import { imageOf } from "../../../testing/image-of.js";
import { predictStartup } from "../../predict-startup.js";

const range = (first: number, end: number): number[] => Array.from({ length: end - first }, (_, i) => first + i);
/** A page with a function and as many around it as the kernel reads, with the file's header before the code. */
const around = (codePage: number): number[] => range(1 + codePage - 16, 1 + codePage + 17);
const start = { Cmd: ["/bin/program"] };

/** Pages of the code of a library that are predicted beyond its beginning (48 pages) and its end (12). */
async function between(files: Parameters<typeof imageOf>[0], path: string, codePages: number): Promise<number[]> {
  const image = imageOf({ "bin/program": elfOf({ needed: ["liba.so"] }), ...files }, start);
  const pages = image.pagesOf(await predictStartup(image), path);
  return pages.filter((page) => page > 48 && page <= codePages - 12);
}

describe("the code of large libraries", () => {
  it("is predicted where constructors and what they call lie, and the kernel reads with them", async () => {
    const library = callingLibrary({
      codePages: 400,
      functions: [100, 150, 200, 300],
      calls: [
        [100, 200],
        [150, 300],
      ],
      constructors: [100],
    });
    expect(await between({ "usr/lib/liba.so": library }, "/usr/lib/liba.so", 400)).toEqual([
      ...around(100),
      ...around(200),
    ]);
  });

  it("is predicted where libraries call each other by name", async () => {
    const calls = {
      codePages: 60,
      functions: [0, 1],
      calls: [[0, "deep"]],
      constructors: [0],
      needed: ["libb.so"],
    } as const;
    const deep = callingLibrary({ codePages: 400, functions: [100, 200, 300], exports: { other: 100, deep: 200 } });
    const files = { "usr/lib/liba.so": callingLibrary(calls), "usr/lib/libb.so": deep };
    expect(await between(files, "/usr/lib/libb.so", 400)).toEqual(around(200));
    const unrelated = {
      ...files,
      "usr/lib/libb.so": callingLibrary({ codePages: 400, functions: [200], exports: { x: 200 } }),
    };
    expect(await between(unrelated, "/usr/lib/libb.so", 400)).toEqual([]);
  });

  it("is followed for seven calls, by the shortest way, and in circles", async () => {
    const functions = range(0, 10).map((i) => 80 + i * 40);
    const chain = functions.slice(1).map((to, i): [number, number] => [functions[i] ?? 0, to]);
    const about: TestCalls = {
      codePages: 600,
      functions,
      calls: [...chain, [functions[2] ?? 0, 80]],
      constructors: [80],
    };
    const far = await between({ "usr/lib/liba.so": callingLibrary(about) }, "/usr/lib/liba.so", 600);
    expect(far).toEqual(functions.slice(0, 8).flatMap(around));
    const short = { ...about, calls: [...chain, [80, functions[5] ?? 0] as const] };
    const all = await between({ "usr/lib/liba.so": callingLibrary(short) }, "/usr/lib/liba.so", 600);
    expect(all).toEqual(functions.flatMap(around));
  });

  it("is predicted of a Python module from its function of initialisation and from the slots of its definition", async () => {
    const library = callingLibrary({
      codePages: 600,
      functions: [150, 250, 350, 450],
      calls: [[250, 350]],
      exports: { PyInit_m: 150 },
      slot: 250,
    });
    const image = imageOf(
      {
        "usr/bin/python3.11": elfOf({}),
        "usr/lib/python3.11/m.cpython-311-x86_64-linux-gnu.so": library,
        "app.py": "import m\n",
      },
      { Cmd: ["python3.11", "/app.py"] },
    );
    const pages = image.pagesOf(await predictStartup(image), "/usr/lib/python3.11/m.cpython-311-x86_64-linux-gnu.so");
    const wanted = [...around(150), ...around(250), ...around(350)];
    expect(pages.filter((page) => page > 112 && page <= 588)).toEqual(wanted);
  });

  it("damages no prediction, whatever tables and code say", async () => {
    const whole = callingLibrary({
      codePages: 70,
      functions: [10, 20, 50, 60],
      calls: [
        [10, 20],
        [10, "deep"],
        [20, "other"],
      ],
      constructors: [10, 60],
      exports: { deep: 50 },
      needed: ["libb.so"],
    });
    const places = fc.oneof(fc.nat(255), fc.integer({ min: 11 * 4096, max: whole.length - 1 }));
    const tables = fc.tuple(fc.integer({ min: 71, max: 82 }), fc.nat(120)).map(([page, at]) => page * 4096 + at);
    const changes = fc.array(fc.tuple(fc.oneof(places, tables), fc.nat(255)), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(changes, async (damage) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of damage) bytes[at] = value;
        const image = imageOf(
          {
            run: "#!/bin/sh\n/bin/program\n/bin/second\n",
            "bin/sh": elfOf({}),
            "bin/program": elfOf({ needed: ["liba.so"] }),
            "bin/second": elfOf({}),
            "usr/lib/liba.so": bytes,
            "usr/lib/libb.so": whole,
          },
          { Cmd: ["/run"] },
        );
        const runs = await predictStartup(image);
        expect(image.pathsOf(runs)).toContain("/bin/second");
        expect(await predictStartup(image)).toEqual(runs);
      }),
      { numRuns: 60 },
    );
  });
});
