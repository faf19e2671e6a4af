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
    expect(lines).toMatchObject([{ disk: sha256Of("disk"), offset: 4096, length: 10, ms: expect.any(Number) }]);
  });

  it("names what most of the longest wait went into", async () => {
    const none = { disk: 0, queue: 0, retry: 0, registry: 0, transfer: 0, decompression: 0, daemon: 0 };
    const wait = { totalMs: 40, stagesMs: { ...none, retry: 30, registry: 10 }, joined: undefined, failure: "503" };
    const { lines, disk } = watched(async (_offset, length, options) => {
      options?.onWaited?.({ totalMs: 1, stagesMs: { ...none, disk: 1 }, joined: undefined, failure: undefined });
      options?.onWaited?.(wait);
      await sleep(40);
      return new Uint8Array(length);
    });
    await disk.read(0, 10);
    const cause = "requests to the registry failed and were made again (503)";
    expect(lines).toMatchObject([{ cause, stagesMs: { retry: 30, registry: 10 }, failure: "503" }]);
  });

  it("names a fetch that was under way when the reader came", async () => {
    const stagesMs = { disk: 0, queue: 0, retry: 0, registry: 0, transfer: 50, decompression: 0, daemon: 0 };
    const { lines, disk } = watched(async (_offset, length, options) => {
      options?.onWaited?.({ totalMs: 50, stagesMs, joined: "startup", failure: undefined });
      await sleep(40);
      return new Uint8Array(length);
    });
    await disk.read(0, 10);
    expect(lines).toMatchObject([{ cause: "the bytes came slowly for a fetch that was under way (startup)" }]);
  });

  it("counts a read that a killed daemon left from the start of its successor", async () => {
    const { lines, disk } = watched(async (_offset, length) => new Uint8Array(length));
    await disk.read(0, 10, { sinceMs: performance.now() - 500 });
    expect(lines).toMatchObject([{ cause: "the daemon was restarted" }]);
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
