import { describe, expect, it } from "vitest";
import { isMountpoint, parseMountTable } from "./mount-table.js";

describe("the mount table", () => {
  it("is read with optional fields and escaped paths", () => {
    const text = [
      "36 35 0:52 / /mnt/a\\040b\\134c rw,noatime shared:1 master:2 - fuse.sluice sluice ro,user_id=0",
      "37 36 0:53 / /mnt/x ro - erofs /run/fuse/disk ro",
      "not a line",
      "",
    ].join("\n");
    expect(parseMountTable(text)).toEqual([
      {
        mountId: 36,
        device: "0:52",
        target: "/mnt/a b\\c",
        type: "fuse.sluice",
        source: "sluice",
        options: "ro,user_id=0",
      },
      { mountId: 37, device: "0:53", target: "/mnt/x", type: "erofs", source: "/run/fuse/disk", options: "ro" },
    ]);
  });

  it("knows mount points from folders", async () => {
    expect(await isMountpoint("/proc")).toBe(true);
    expect(await isMountpoint("/proc/self")).toBe(false);
  });
});
