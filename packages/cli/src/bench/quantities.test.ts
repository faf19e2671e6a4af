import { expect, it } from "vitest";
import { parseCount, parseRate, parseRoundTrip } from "./quantities.js";

it("reads rates as bytes per second", () => {
  expect(parseRate("100mbit")).toBe(12_500_000);
  expect(parseRate("1.5gbit")).toBe(187_500_000);
});

it.each(["", "100", "100MB", "0mbit", "-1mbit", "1mbit/s"])("refuses the rate %j", (text) => {
  expect(() => parseRate(text)).toThrow("expected a rate");
});

it("reads round-trip times, zero included", () => {
  expect(parseRoundTrip("20ms")).toBe(20);
  expect(parseRoundTrip("0ms")).toBe(0);
});

it.each(["", "20", "1s", "-1ms", "100000ms"])("refuses the round-trip time %j", (text) => {
  expect(() => parseRoundTrip(text)).toThrow("expected milliseconds");
});

it.each(["0", "-1", "1.5", "x", "1000000"])("refuses the count %j", (text) => {
  expect(() => parseCount(text)).toThrow("whole number");
});
