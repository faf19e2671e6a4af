import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decimal, paxTime, tarNumber } from "./tar-numbers.js";

/** Two's complement, big-endian, first bit set: as GNU tar writes it. */
function base256(value: number, width: number): Buffer {
  const field = Buffer.alloc(width);
  let rest = BigInt.asUintN(width * 8, BigInt(value));
  for (let i = width - 1; i >= 0; i--) {
    field[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  field[0] = (field[0] ?? 0) | 0x80;
  return field;
}

/** In the middle of a block, between bytes that are none of its business. */
const numberIn = (field: Uint8Array, name: string): number =>
  tarNumber(Buffer.concat([Buffer.from("7x"), field, Buffer.from("x7")]), 2, 2 + field.length, name);

describe("tarNumber", () => {
  it("reads octal with any mix of leading and trailing spaces and NULs", () => {
    for (const text of ["0000755\0", "   755 \0", " 755\0\0\0\0", "755     ", "00000755"]) {
      expect(numberIn(Buffer.from(text, "latin1"), "mode")).toBe(0o755);
    }
    expect(numberIn(Buffer.alloc(8), "mode")).toBe(0);
  });

  it("gives back every octal number that fits", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 8 ** 11 - 1 }), (value) => {
        const field = Buffer.from(`${value.toString(8).padStart(11, "0")}\0`);
        expect(numberIn(field, "size")).toBe(value);
      }),
    );
  });

  it("gives back every safe integer in base-256, below zero too", () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(numberIn(base256(value, 12), "mtime")).toBe(value);
      }),
    );
  });

  it("refuses base-256 numbers that are no safe integers", () => {
    expect(() => numberIn(Buffer.from(`80${"ff".repeat(11)}`, "hex"), "size")).toThrow("size is out of range");
  });
});

describe("paxTime", () => {
  it("gives back every time to the nanosecond, before 1970 too", () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), fc.integer({ min: 0, max: 999_999_999 }), (s, ns) => {
        const total = BigInt(s) * 1_000_000_000n + BigInt(ns);
        const absolute = total < 0n ? -total : total;
        const fraction = (absolute % 1_000_000_000n).toString().padStart(9, "0");
        const text = `${total < 0n ? "-" : ""}${absolute / 1_000_000_000n}.${fraction}`;
        expect(paxTime(Buffer.from(text), "mtime")).toEqual({ seconds: s, nanoseconds: ns });
      }),
    );
  });

  it.each(["", "x", "1e3", "1.x", "--1", "99999999999999999999"])("refuses %j", (text) => {
    expect(() => paxTime(Buffer.from(text), "mtime")).toThrow(/mtime: expected seconds/);
  });
});

describe("decimal", () => {
  it.each(["", "-1", "1.5", "0x10", " 1", "99999999999999999"])("refuses %j", (text) => {
    expect(() => decimal(Buffer.from(text), "size")).toThrow(/size: expected a decimal number/);
  });
});
