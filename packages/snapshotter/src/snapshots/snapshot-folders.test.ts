import { access, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SnapshotFolders } from "./snapshot-folders.js";

describe("the folders of snapshots", () => {
  let root: string;
  let folders: SnapshotFolders;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "sluice-folders-"));
    folders = new SnapshotFolders(root, (error) => {
      throw error;
    });
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it("stay when their record is written while others are swept", async () => {
    const recorded = new Set<number>();
    let write: () => void = () => undefined;
    const asked = new Promise<void>((done) => {
      write = done;
    });
    const making = folders.make(7, "active", undefined, async () => {
      await asked;
      recorded.add(7);
    });
    await expect
      .poll(() =>
        access(folders.files(7)).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    const sweeping = folders.sweep(() => recorded);
    write();
    await making;
    expect(await sweeping).toEqual(new Set([7]));
    await folders.removed();
    await access(folders.files(7));
  });

  it("go again when their record cannot be written", async () => {
    const full = new Error("no room");
    await expect(folders.make(8, "view", undefined, () => Promise.reject(full))).rejects.toBe(full);
    await folders.removed();
    await expect(access(folders.files(8))).rejects.toThrow(/ENOENT/);
  });
});
