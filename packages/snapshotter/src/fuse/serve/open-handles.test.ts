import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { handleHighOf, OpenHandles } from "./open-handles.js";

describe("the openings that outlive a process", () => {
  let folder: string;
  let handles: OpenHandles;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "open-handles-"));
    handles = new OpenHandles(join(folder, "open"));
    handles.clear();
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("are counted by inode, by whoever looks", () => {
    handles.add(16, 1, 0);
    handles.add(16, 2, 0);
    handles.add(17, 3, 0x7fff_ffff);
    expect([...new OpenHandles(join(folder, "open")).counts()].sort()).toEqual([
      [16, 2],
      [17, 1],
    ]);
    expect(handles.remove(16, 1, 0)).toBe(true);
    expect(handles.counts().get(16)).toBe(1);
  });

  it("are not counted twice when their request comes again", () => {
    expect(handles.add(16, 0xffff_fffe, handleHighOf(0x8000_0001))).toBe(true);
    expect(handles.add(16, 0xffff_fffe, handleHighOf(1))).toBe(false);
    expect(handles.counts()).toEqual(new Map([[16, 1]]));
    expect(handles.remove(16, 0xffff_fffe, 1)).toBe(true);
    expect(handles.remove(16, 0xffff_fffe, 1)).toBe(false);
  });

  it("are forgotten for a new connection, and other files are none", async () => {
    handles.add(16, 1, 0);
    await writeFile(join(folder, "open", "not a handle"), "");
    expect(handles.counts()).toEqual(new Map([[16, 1]]));
    handles.clear();
    expect(handles.counts()).toEqual(new Map());
  });
});
