import { describe, expect, it } from "vitest";
import { availableShare, availableShareNow } from "./available-memory.js";

describe("the share of memory that is to be had", () => {
  it("is MemAvailable of MemTotal", () => {
    expect(availableShare("MemTotal:       8000 kB\nMemFree:         100 kB\nMemAvailable:   2000 kB\n")).toBe(0.25);
  });

  it("is all of it where the kernel does not say", () => {
    for (const text of ["", "MemTotal: 8000 kB\n", "MemAvailable: x kB\nMemTotal: 8 kB\n"]) {
      expect(availableShare(text)).toBe(1);
    }
  });

  it("lies between none and all on this machine", () => {
    expect(availableShareNow()).toBeGreaterThan(0);
    expect(availableShareNow()).toBeLessThanOrEqual(1);
  });
});
