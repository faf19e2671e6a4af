import { expect, it } from "vitest";
import { spreadOf } from "./statistics.js";

it("takes the middle of an odd number of runs, whatever their order", () => {
  expect(spreadOf([9, 1, 2])).toEqual({ median: 2, min: 1, max: 9 });
});

it("takes the mean of the two middle runs of an even number", () => {
  expect(spreadOf([4, 1, 2, 10])).toEqual({ median: 3, min: 1, max: 10 });
});

it("refuses no runs", () => {
  expect(() => spreadOf([])).toThrow(RangeError);
});
