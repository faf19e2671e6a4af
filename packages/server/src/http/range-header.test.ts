import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contentRangeOf, parseChunkRange, parseRangeHeader } from "./range-header.js";

const part = (start: number, end: number) => ({ kind: "part", range: { start, end } });

describe("a Range header on 10 bytes", () => {
  it.each([
    ["bytes=0-0", part(0, 1)],
    ["bytes=2-5", part(2, 6)],
    ["bytes=2-", part(2, 10)],
    ["bytes=2-99", part(2, 10)],
    ["bytes=-3", part(7, 10)],
    ["bytes=-99", part(0, 10)],
    ["bytes=10-", { kind: "unsatisfiable" }],
    ["bytes=10-12", { kind: "unsatisfiable" }],
    ["bytes=-0", { kind: "unsatisfiable" }],
    [undefined, { kind: "all" }],
    ["bytes=5-2", { kind: "all" }],
    ["bytes=-", { kind: "all" }],
    ["bytes=0-1,4-5", { kind: "all" }],
    ["lines=0-1", { kind: "all" }],
    ["nonsense", { kind: "all" }],
  ])("%s", (header, wanted) => {
    expect(parseRangeHeader(header, 10)).toEqual(wanted);
  });

  it("is never satisfiable on nothing", () => {
    for (const header of ["bytes=0-0", "bytes=0-", "bytes=-1"]) {
      expect(parseRangeHeader(header, 0)).toEqual({ kind: "unsatisfiable" });
    }
  });

  it("names a part that is not empty and lies inside, whatever it says", () => {
    const number = fc.option(fc.nat().map(String), { nil: "" });
    fc.assert(
      fc.property(number, number, fc.nat(), (first, last, sizeBytes) => {
        const wanted = parseRangeHeader(`bytes=${first}-${last}`, sizeBytes);
        if (wanted.kind !== "part") return;
        expect(wanted.range.start).toBeLessThan(wanted.range.end);
        expect(wanted.range.end).toBeLessThanOrEqual(sizeBytes);
      }),
    );
  });
});

describe("Content-Range", () => {
  it("of an answer names the last byte", () => {
    expect(contentRangeOf({ start: 2, end: 6 }, 10)).toBe("bytes 2-5/10");
  });

  it("of a chunk is half-open here and inclusive there", () => {
    expect(parseChunkRange("0-1023")).toEqual({ start: 0, end: 1024 });
    expect(parseChunkRange("5-5")).toEqual({ start: 5, end: 6 });
  });

  it.each(["", "5", "5-4", "-4", "a-b", "bytes 0-1/2", "99999999999999999-1"])("of a chunk is not %j", (header) => {
    expect(parseChunkRange(header)).toBeUndefined();
  });
});
