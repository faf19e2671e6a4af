import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBytes, parseDurationMs, parseShare } from "./quantity.js";

describe("sizes", () => {
  it.each([
    ["4096", 4096],
    ["20GiB", 20 * 2 ** 30],
    ["20 GiB", 20 * 2 ** 30],
    ["1.5GB", 1_500_000_000],
    ["0B", 0],
  ])("%s is %d bytes", (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each(["", "GiB", "-1", "1e9", "10 gib", "1GiBs", "9999999999999999TiB", "1..5GB"])("refuses %j", (text) => {
    expect(parseBytes(text)).toBeUndefined();
  });

  it("gives back every whole number of bytes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e15 }), (bytes) => {
        expect(parseBytes(String(bytes))).toBe(bytes);
      }),
    );
  });
});

describe("durations", () => {
  it.each([
    ["60s", 60_000],
    ["250ms", 250],
    ["1.5m", 90_000],
    ["2h", 7_200_000],
  ])("%s is %d milliseconds", (text, ms) => {
    expect(parseDurationMs(text)).toBe(ms);
  });

  it("refuses a number without a unit, because nobody knows whether it means seconds", () => {
    expect(parseDurationMs("60")).toBeUndefined();
  });
});

describe("shares", () => {
  it.each([
    ["10%", 0.1],
    ["12.5 %", 0.125],
    ["100%", 1],
  ])("%s is %d", (text, share) => {
    expect(parseShare(text)).toBeCloseTo(share);
  });

  it.each(["0%", "101%", "10", "%"])("refuses %j", (text) => {
    expect(parseShare(text)).toBeUndefined();
  });
});
