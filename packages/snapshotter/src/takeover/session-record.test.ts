import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type SessionRecord, SessionRecordFile } from "./session-record.js";

const token = "6c0f3a38-5d0c-4b39-9c35-26d7c8e0c0aa";
const record: SessionRecord = {
  token,
  takeOvers: 2,
  mountpoint: "/root/run/fuse",
  init: { minor: 40, maxReadAheadBytes: 131_072, maxReadBytes: 1_048_576, flags: 1, flags2: 0x80 },
  nextInode: 18,
  disks: [{ inode: 17, name: "disk" }],
};

describe("the record of a FUSE session", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "session-record-"));
    path = join(folder, "run", "session.json");
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("is read as it was written, by who has the same descriptors", async () => {
    const file = new SessionRecordFile(path);
    file.write({ ...record, disks: [] });
    file.write(record);
    expect(await file.read(token)).toMatchObject(record);
    expect(await readdir(join(folder, "run"))).toEqual(["session.json"]);
  });

  it("tells nothing to who has other descriptors, or before it is written", async () => {
    const file = new SessionRecordFile(path);
    expect(await file.read(token)).toBeUndefined();
    file.write(record);
    expect(await file.read("00000000-0000-4000-8000-000000000000")).toBeUndefined();
  });

  it.each([
    ["no JSON", "{"],
    ["another version", JSON.stringify({ ...record, version: 2 })],
    ["an inode that is reserved", JSON.stringify({ ...record, version: 1, disks: [{ inode: 1, name: "disk" }] })],
    ["a mount point that is relative", JSON.stringify({ ...record, version: 1, mountpoint: "run/fuse" })],
  ])("is not believed with %s", async (_, text) => {
    const file = new SessionRecordFile(path);
    file.write(record);
    await writeFile(path, text);
    expect(await file.read(token)).toBeUndefined();
  });
});
