import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidFormatError } from "../invalid-format-error.js";
import { align8, isZero, readI64, readU64, viewOf, writeInt64 } from "./integers.js";

const written = (value: number): DataView => {
  const view = viewOf(new Uint8Array(8));
  writeInt64(view, 0, value);
  return view;
};

describe("64-bit integers", () => {
  it("come back as they were written, below zero too", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(readI64(written(value), 0, "test", "field")).toBe(value);
        expect(written(value).getBigInt64(0, true)).toBe(BigInt(value));
      }),
    );
  });

  it("are refused when a double cannot hold them", () => {
    const view = viewOf(new Uint8Array(8));
    view.setBigUint64(0, 2n ** 53n, true);
    expect(() => readU64(view, 0, "TOC", "offset of chunk 3")).toThrow(
      "TOC, offset of chunk 3: expected at most 2^53 - 1, found 9007199254740992",
    );
    view.setBigInt64(0, -(2n ** 53n), true);
    expect(() => readI64(view, 0, "test", "field")).toThrow(InvalidFormatError);
    expect(() => writeInt64(view, 0, 2 ** 53)).toThrow(RangeError);
    expect(() => writeInt64(view, 0, 0.5)).toThrow(RangeError);
  });
});

describe("viewOf", () => {
  it("sees the bytes of a part of a buffer, not those in front of it", () => {
    expect(viewOf(Uint8Array.of(1, 2, 3, 4).subarray(2)).getUint8(0)).toBe(3);
  });
});

describe("padding", () => {
  it.each([
    [0, 0],
    [1, 8],
    [8, 8],
    [9, 16],
  ])("of %i goes to %i", (at, aligned) => expect(align8(at)).toBe(aligned));

  it("is zero only when every byte in the range is", () => {
    expect(isZero(Uint8Array.of(1, 0, 0, 1), 1, 3)).toBe(true);
    expect(isZero(Uint8Array.of(1, 0, 0, 1), 1, 4)).toBe(false);
    expect(isZero(Uint8Array.of(1), 1, 1)).toBe(true);
  });
});
