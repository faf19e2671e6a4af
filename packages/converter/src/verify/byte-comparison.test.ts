import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ByteComparison } from "./byte-comparison.js";

const cut = (bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] => {
  const pieces: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
};
const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

/** The first difference over the whole of two streams; "short" when the second one ends early. */
function compare(expected: readonly Uint8Array[], actual: readonly Uint8Array[]): number | "short" | undefined {
  const comparison = new ByteComparison(expected);
  for (const piece of actual) {
    const at = comparison.firstDifference(piece);
    if (at !== undefined) return at;
  }
  return comparison.atEnd() ? undefined : "short";
}

describe("ByteComparison", () => {
  it("sees no difference between equal bytes, however both are cut", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), sizes, sizes, (bytes, a, b) => {
        expect(compare(cut(bytes, a), cut(bytes, b))).toBeUndefined();
      }),
    );
  });

  it("finds the first byte that differs, bytes too many, and bytes too few", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.nat(), sizes, sizes, (bytes, pick, a, b) => {
        const at = pick % bytes.length;
        const changed = bytes.slice();
        changed[at] = (changed[at] ?? 0) ^ 1;
        expect(compare(cut(bytes, a), cut(changed, b))).toBe(at);
        expect(compare(cut(bytes.subarray(0, at), a), cut(bytes, b))).toBe(at);
        expect(compare(cut(bytes, a), cut(bytes.subarray(0, at), b))).toBe("short");
      }),
    );
  });
});
