import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Level } from "level";
import { afterEach, expect, it, vi } from "vitest";
import { SnapshotIndex } from "./snapshot-index.js";
import type { SnapshotRecord } from "./snapshot-record.js";

afterEach(() => vi.restoreAllMocks());

const recordOf = (name: string, id: number): SnapshotRecord => ({
  ...{ id, name, kind: "committed", parent: "", createdNs: 1n, updatedNs: 1n, labels: {} },
});

it("the index of snapshots writes nothing behind a write that a full disk cut short until its database was opened anew", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-snapshot-index-"));
  const index = await SnapshotIndex.open(folder);
  await index.change(() => ({ put: [recordOf("before", 1)] }));
  const full = Object.assign(new Error("IO error: No space left on device"), { code: "LEVEL_IO_ERROR" });
  vi.spyOn(Level.prototype, "batch").mockRejectedValueOnce(full);
  await expect(index.change(() => ({ put: [recordOf("cut", 2)] }))).rejects.toThrow("free some space");
  expect(index.get("cut")).toBeUndefined();
  const opened = vi.spyOn(Level.prototype, "open");
  await index.change(() => ({ put: [recordOf("after", 3)] }));
  expect(opened).toHaveBeenCalled();
  await index.close();
  const again = await SnapshotIndex.open(folder);
  expect([...again.all()].map(({ name }) => name).sort()).toEqual(["after", "before"]);
  await again.close();
  await rm(folder, { recursive: true });
});
