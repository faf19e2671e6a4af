import koffi from "koffi";
import { describe, expect, it } from "vitest";
import { pageAlignedBytes } from "./page-aligned.js";

describe("page-aligned bytes", () => {
  it.each([
    [2 ** 20 + 16, 16],
    [2 ** 20, 0],
    [5000, 4999],
  ])("are %i of which that at %i starts a page", (length, aligned) => {
    const bytes = pageAlignedBytes(length, aligned);
    expect(bytes.length).toBe(length);
    expect((koffi.address(bytes.subarray(aligned)) % 4096n).toString()).toBe("0");
  });
});
