import { describe, expect, it } from "vitest";
import { isFileBacked, probeErofs } from "./probe.js";

describe("the probe of erofs", () => {
  it.each([
    ["6.12.0", true],
    ["6.18.44-fc-v657", true],
    ["7.0-rc1", true],
    ["6.11.9-amd64", false],
    ["5.15.0-100-generic", false],
  ])("knows whether Linux %s mounts EROFS from a file: %s", (kernel, expected) => {
    expect(isFileBacked(kernel)).toBe(expected);
  });

  it("always says why", async () => {
    expect((await probeErofs()).reason).toMatch(/\w{3}/);
  });
});
