import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Of } from "@sluice/oci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { MountJournal, type MountRecord } from "./mount-journal.js";

const record = (n: number, some: Partial<MountRecord> = {}): MountRecord => ({
  id: `00000000-0000-4000-8000-00000000000${n}`,
  address: { reference: "r.example/a:1" },
  mountpoint: `/mnt/${n}`,
  artifact: sha256Of("a"),
  driver: "erofs",
  reason: "best",
  writable: false,
  since: `2026-01-01T00:00:0${9 - n}.000Z`,
  ...some,
});

describe("the journal of mounts", () => {
  let folder: string;
  let journal: MountJournal;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "journal-"));
    journal = new MountJournal(join(folder, "mounts"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("is empty before the first mount", async () => {
    expect(await journal.read()).toEqual({ records: [], problems: [] });
  });

  it("gives back what was written, oldest first, and not what was removed", async () => {
    const owned = record(3, { owner: { pid: 1, startTicks: 2, bootId: "b" } });
    await journal.write(record(1));
    await journal.write(record(2));
    await journal.write(owned);
    await journal.remove(record(2).id);
    await journal.remove(record(2).id);
    expect((await new MountJournal(join(folder, "mounts")).read()).records).toEqual([owned, record(1)]);
  });

  it("keeps the last version of a record", async () => {
    await journal.write(record(1));
    await journal.write(record(1, { driver: "fuse-native" }));
    expect((await journal.read()).records).toEqual([record(1, { driver: "fuse-native" })]);
  });

  it("names a file that is no record, leaves it, and reads the others", async () => {
    await journal.write(record(1));
    const damaged = join(folder, "mounts", "x.json");
    await writeFile(damaged, '{"id":');
    const { records, problems } = await journal.read();
    expect(records).toEqual([record(1)]);
    expect(problems).toEqual([{ path: damaged, message: expect.any(String) }]);
    expect(await readdir(join(folder, "mounts"))).toContain("x.json");
  });

  it("forgets what a crash left half written", async () => {
    await journal.write(record(1));
    await writeFile(join(folder, "mounts", ".tmp-1.json-x"), "{");
    expect((await journal.read()).problems).toEqual([]);
  });
});
