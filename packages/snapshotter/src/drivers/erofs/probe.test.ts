import { release } from "node:os";
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

  it("says which way the disk is read, or what is missing and the cure", async () => {
    const { ok, reason } = await probeErofs();
    const file = isFileBacked(release());
    if (ok) expect(reason).toMatch(file ? /straight from the FUSE file$/ : /through a loop device/);
    else expect(reason).toMatch(/needs root; run the daemon as root|load the fuse module|enable CONFIG_EROFS_FS/);
  });
});
