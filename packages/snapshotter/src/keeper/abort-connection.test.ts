import { describe, expect, it } from "vitest";
import { connectionNumber } from "./abort-connection.js";

const mountinfo = [
  "22 1 0:20 / /proc rw,relatime - proc proc rw",
  "90 1 0:55 / /data/run/fuse ro - fuse.sluice sluice ro",
  "91 1 0:56 / /data\\040root/run/fuse ro,nosuid shared:7 - fuse.sluice sluice ro",
  "92 1 1:57 / /data/run/fuse ro - fuse.sluice sluice ro",
  "93 1 0:58 / /data/lower ro - erofs /data/run/fuse/disk ro",
].join("\n");

describe("the number of a FUSE connection", () => {
  it("is that of the device of the topmost mount there, as the kernel writes it", () => {
    expect(connectionNumber(mountinfo, "/data/run/fuse")).toBe(2 ** 20 + 57);
  });

  it("is found where the path has characters that the kernel escapes", () => {
    expect(connectionNumber(mountinfo, "/data root/run/fuse")).toBe(56);
  });

  it("is not to be had where nothing, or no FUSE file system, is mounted", () => {
    expect(connectionNumber(mountinfo, "/data/lower")).toBeUndefined();
    expect(connectionNumber(mountinfo, "/nowhere")).toBeUndefined();
    expect(connectionNumber("", "/data/run/fuse")).toBeUndefined();
  });
});
