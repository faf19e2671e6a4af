import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareForGrouping, groupingOrder } from "./grouping.js";

const path0 = Buffer.alloc(0);
const sorted = (...paths: string[]): string[] =>
  paths.toSorted((a, b) => compareForGrouping(Buffer.from(a), Buffer.from(b)));

describe("the order of files in the data space", () => {
  it("goes by kind, then by path", () => {
    expect(sorted("b/x.pyc", "a/x.py", "b/a.py", "a/y.pyc")).toEqual(["a/x.py", "b/a.py", "a/y.pyc", "b/x.pyc"]);
  });

  it("has names without a kind first: none, a dot in front, a dot in a directory only", () => {
    expect(sorted("x.js", "usr/bin/env", "root/.profile", "etc/x.d/motd")).toEqual([
      "etc/x.d/motd",
      "root/.profile",
      "usr/bin/env",
      "x.js",
    ]);
  });

  it("has versioned shared objects among the others", () => {
    expect(sorted("lib/libz.so.1.2.13", "lib/liba.so", "lib/libm.so.6", "x.1")).toEqual([
      "x.1",
      "lib/liba.so",
      "lib/libm.so.6",
      "lib/libz.so.1.2.13",
    ]);
  });

  it("is that of groupingOrder, which leaves equal paths as they come", () => {
    const path = fc.stringMatching(/^[ab.o/s]{0,8}$/).map((text) => Buffer.from(text));
    fc.assert(
      fc.property(fc.array(path), (paths) => {
        const rows = paths.map((_, row) => row);
        const expected = rows.sort((a, b) => compareForGrouping(paths[a] ?? path0, paths[b] ?? path0) || a - b);
        expect([...groupingOrder(paths)]).toEqual(expected);
      }),
    );
  });

  it("is total: equal only for equal paths, and the same both ways round", () => {
    const path = fc.stringMatching(/^[ab.o/s]{0,8}$/).map((text) => Buffer.from(text));
    fc.assert(
      fc.property(path, path, path, (a, b, c) => {
        expect(Math.sign(compareForGrouping(a, b))).toBe(-Math.sign(compareForGrouping(b, a)) + 0);
        expect(compareForGrouping(a, b) === 0).toBe(a.equals(b));
        if (compareForGrouping(a, b) < 0 && compareForGrouping(b, c) < 0)
          expect(compareForGrouping(a, c)).toBeLessThan(0);
      }),
    );
  });
});
