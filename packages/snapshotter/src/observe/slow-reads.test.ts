import { setTimeout as sleep } from "node:timers/promises";
import { sha256Of } from "@sluice/oci";
import { describe, expect, it } from "vitest";
import type { OpenDisk } from "../disks/open-disk.js";
import type { Logger } from "./log.js";
import { watchSlowReads } from "./slow-reads.js";

const disk = (read: OpenDisk["read"]): OpenDisk => ({
  digest: sha256Of("disk"),
  sizeBytes: 4096,
  startBlock: new Uint32Array(0),
  blocks: new Uint32Array(0),
  slots: new Int32Array(0),
  offsetInChunk: new Uint32Array(0),
  metadataBlocks: 0,
  onArrived: () => () => undefined,
  read,
});
const watched = (read: OpenDisk["read"]) => {
  const lines: unknown[] = [];
  const log = { warn: (facts: unknown) => lines.push(facts) } as unknown as Logger; // the only level it uses
  return { lines, disk: watchSlowReads(disk(read), log, 20) };
};

describe("the watch on reads", () => {
  it("says which read was slow and how long it took", async () => {
    const { lines, disk } = watched(async (_offset, length) => {
      await sleep(40);
      return new Uint8Array(length);
    });
    expect(await disk.read(4096, 10)).toHaveLength(10);
    expect(lines).toEqual([{ disk: sha256Of("disk"), offset: 4096, length: 10, ms: expect.any(Number) }]);
  });

  it("is silent about quick reads and about those that fail", async () => {
    const { lines, disk } = watched(async (offset) => {
      if (offset > 0) throw new Error("broken");
      return new Uint8Array(1);
    });
    await disk.read(0, 1);
    await expect(disk.read(1, 1)).rejects.toThrow("broken");
    expect(lines).toEqual([]);
  });
});
