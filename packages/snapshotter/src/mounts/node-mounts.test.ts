import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Of } from "@sluice/oci";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { StoredDisk } from "../disks/disk-store.js";
import type { DiskLease, Disks } from "../disks/disks.js";
import type { ImageLookup } from "../disks/image-lookup.js";
import { createSilentLog } from "../observe/log.js";
import { Tracing } from "../observe/tracing.js";
import { NotRecordedError, Recordings } from "../recording/recordings.js";
import { NodePaths } from "../state/node-paths.js";
import { Lowers } from "./lowers.js";
import { MountJournal } from "./mount-journal.js";
import { NodeMounts } from "./node-mounts.js";

const artifact = sha256Of("artifact");
// The parts of an image that a mount of it looks at.
const stored = {
  image: {
    artifact: { manifest: { digest: artifact }, metadata: { digest: sha256Of("metadata") }, layers: [] },
    toc: { diskBlocks: 1 },
  },
} as unknown as StoredDisk;

describe("a recorded mount that fails", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-mounts-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it("leaves no trace of what was read, no record and no open disk", async () => {
    const paths = new NodePaths(folder);
    const onEvent = (): void => undefined;
    const recordings = new Recordings({ mountpoint: paths.recordingSession, deadlineMs: 1000, onEvent });
    let isRecorded = false;
    vi.spyOn(recordings.driver, "probe").mockResolvedValue({ ok: true, reason: "chosen by the test" });
    vi.spyOn(recordings.driver, "mount").mockImplementation(async () => {
      isRecorded = recordings.document("one").length > 0;
      throw new Error("the kernel refused");
    });
    const release = vi.fn(async () => undefined);
    const steps: string[] = [];
    const open = async (): Promise<DiskLease> => {
      steps.push("open");
      return lease;
    };
    const lease = { disk: { digest: artifact }, release } as unknown as DiskLease;
    const journal = new MountJournal(paths.mounts);
    const mounts = new NodeMounts({
      paths,
      tracer: new Tracing(),
      journal,
      images: { keep: async () => steps.push("keep") } as unknown as ImageLookup,
      disks: { open } as unknown as Disks,
      lowers: new Lowers(paths.lower),
      recordings,
      drivers: [recordings.driver],
      log: createSilentLog(),
    });
    const mountpoint = join(folder, "mountpoint");
    const address = { reference: "r.example/app:1" };
    const mount = { id: "one", address, mountpoint, driver: "auto", writable: false, record: true } as const;
    await expect(mounts.add(mount, stored)).rejects.toThrow("the kernel refused");
    expect(isRecorded).toBe(true);
    expect(() => recordings.document("one")).toThrow(NotRecordedError);
    expect(mounts.count).toBe(0);
    expect((await journal.read()).records).toEqual([]);
    expect(release).toHaveBeenCalled();
    expect(steps).toEqual(["open", "keep"]); // before it is open, whoever collects may still take the image away
  });
});
