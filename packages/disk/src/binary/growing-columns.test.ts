import { describe, expect, it } from "vitest";
import { GrowingColumn, growingFloat64 } from "./growing-columns.js";

const small = (): GrowingColumn<Uint8Array> => new GrowingColumn((length) => new Uint8Array(length), 2);

describe("a growing column", () => {
  it("keeps what was pushed when it outgrows its memory", () => {
    const column = small();
    for (let value = 0; value < 100; value++) column.push(value);
    expect([...column.finish()]).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  it("takes many values at once, more than it has room for", () => {
    const column = small();
    column.append(new Uint8Array(1000).fill(7));
    column.append(Uint8Array.of(8));
    expect(column.length).toBe(1001);
    expect(column.at(1000)).toBe(8);
  });

  it("changes a row that is there and refuses one that is not", () => {
    const column = small();
    column.push(1);
    column.set(0, 5);
    expect([...column.finish()]).toEqual([5]);
    expect(() => column.set(1, 5)).toThrow(RangeError);
  });

  it("gives a copy of exactly its rows", () => {
    const column = growingFloat64();
    column.push(-1.5);
    const finished = column.finish();
    column.push(2);
    expect(finished).toEqual(Float64Array.of(-1.5));
  });
});
