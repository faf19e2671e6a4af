import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { InvalidFormatError } from "../invalid-format-error.js";
import { checkXattrs, encodeXattrs, iterateXattrs, type Xattr } from "./xattr-list.js";

const xattr = (name: string, value: Uint8Array | string = ""): Xattr => ({
  name: Uint8Array.from(Buffer.from(name)),
  value: Uint8Array.from(Buffer.from(value)),
});

describe("a list of xattrs", () => {
  it("comes back sorted by name, values untouched", () => {
    const name = fc.stringMatching(/^[a-z.]{1,20}$/);
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, fc.uint8Array({ maxLength: 50 })), { selector: ([key]) => key }),
        (entries) => {
          const xattrs = entries.map(([key, value]) => xattr(key, value));
          const expected = xattrs.toSorted((a, b) => Buffer.compare(a.name, b.name));
          expect([...iterateXattrs(encodeXattrs(xattrs))]).toEqual(expected);
        },
      ),
    );
  });

  it("holds values of up to 65,535 bytes and no larger", () => {
    expect([...iterateXattrs(encodeXattrs([xattr("user.a", new Uint8Array(65_535))]))][0]?.value.length).toBe(65_535);
    expect(() => encodeXattrs([xattr("user.a", new Uint8Array(65_536))])).toThrow(/at most 65535 bytes/);
  });

  it.each([
    ["an empty name", [xattr("")]],
    ["a name of 256 bytes", [xattr("n".repeat(256))]],
    ["a name that does not fit 16 bits", [xattr("n".repeat(65_540))]],
    ["a NUL in a name", [xattr("user.\0")]],
    ["a name twice", [xattr("user.a"), xattr("user.a", "x")]],
    ["more than 192 KiB", ["a", "b", "c", "d"].map((name) => xattr(name, new Uint8Array(60_000)))],
  ])("refuses %s", (_, xattrs) => expect(() => encodeXattrs(xattrs)).toThrow(InvalidFormatError));

  it("is refused when it is cut anywhere, or out of order", () => {
    const list = encodeXattrs([xattr("user.a", "12"), xattr("user.b", "34")]);
    for (let end = 1; end < list.length; end++) {
      if (end === list.length / 2) continue;
      expect(() => checkXattrs(list.subarray(0, end), "layer index", "entry 5")).toThrow(/layer index, entry 5/);
    }
    const swapped = Buffer.concat([list.subarray(list.length / 2), list.subarray(0, list.length / 2)]);
    expect(() => checkXattrs(swapped, "layer index", "entry 5")).toThrow(/names that rise/);
  });
});
