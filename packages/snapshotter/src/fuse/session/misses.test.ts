import { afterEach, describe, expect, it, vi } from "vitest";
import type { DiskFile } from "../serve/disk-file.js";
import type { MissMessage } from "../serve/messages.js";
import { Misses, type ReadFailedError, type ReadMiss } from "./misses.js";

const columns = {
  startBlock: new Uint32Array(),
  blocks: new Uint32Array(),
  slots: new Int32Array(),
  offsetInChunk: new Uint32Array(),
};
const disk: DiskFile = { inode: 16, name: "disk", sizeBytes: 2 ** 20, metadataBlocks: 0, ...columns };
const miss: MissMessage = {
  kind: "miss",
  uniqueLow: 8,
  uniqueHigh: 0,
  inode: 16,
  offset: 4096,
  length: 10,
  pid: 2 ** 30,
};
const never: ReadMiss = (_disk, _offset, _length, signal) =>
  new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error)));

/** What was answered, as [errno, body bytes], and what was told. */
async function served(
  readMiss: ReadMiss,
  during: (misses: Misses) => void = () => undefined,
): Promise<{ answers: number[][]; failures: ReadFailedError[] }> {
  const answers: number[][] = [];
  const failures: ReadFailedError[] = [];
  const misses = new Misses({ readMiss, deadlineMs: 50, onFailure: (error) => failures.push(error) });
  const done = misses.serve(miss, disk, (pieces) => {
    const bytes = Buffer.concat(pieces);
    answers.push([bytes.readInt32LE(4), bytes.length - 16]);
  });
  during(misses);
  await done;
  expect(misses.count).toBe(0);
  return { answers, failures };
}

describe("a miss", () => {
  afterEach(() => vi.useRealTimers());

  it.each([-86_400_000, 86_400_000])(
    "keeps its deadline when the clock of the machine jumps by %i ms",
    async (jumpMs) => {
      vi.useFakeTimers({ toFake: ["Date"] });
      const since = performance.now();
      const { answers } = await served(never, () => vi.setSystemTime(Date.now() + jumpMs));
      expect(answers).toEqual([[-5, 0]]);
      expect(performance.now() - since).toBeGreaterThan(45);
    },
  );

  it("is answered with the bytes", async () => {
    const { answers, failures } = await served(async (_disk, _offset, length) => new Uint8Array(length));
    expect({ answers, failures }).toEqual({ answers: [[0, 10]], failures: [] });
  });

  it("is answered with EIO, and the cause told, when reading fails, at once or later", async () => {
    const later: ReadMiss = async () => {
      throw new Error("gone");
    };
    const atOnce: ReadMiss = () => {
      throw new Error("gone");
    };
    for (const readMiss of [later, atOnce]) {
      const { answers, failures } = await served(readMiss);
      expect(answers).toEqual([[-5, 0]]);
      expect(failures[0]).toMatchObject({
        disk: "disk",
        offset: 4096,
        length: 10,
        message: expect.stringMatching(/gone/),
      });
    }
  });

  it("is answered with EIO at the deadline, even if the work does not listen", async () => {
    const deaf: ReadMiss = () => new Promise(() => undefined);
    for (const readMiss of [never, deaf]) {
      const { answers, failures } = await served(readMiss);
      expect(answers).toEqual([[-5, 0]]);
      expect(failures[0]?.cause).toMatchObject({ code: "READ_DEADLINE" });
    }
  });

  it.each([9, 11])("is not answered with %s bytes for 10", async (length) => {
    expect((await served(async () => new Uint8Array(length))).answers).toEqual([[-5, 0]]);
  });

  it("is told at the deadline what the work failed with until then, if it says so", async () => {
    const telling: ReadMiss = (_disk, _offset, _length, signal) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("the registry is away"))));
    const { answers, failures } = await served(telling);
    expect(answers).toEqual([[-5, 0]]);
    expect(failures[0]?.message).toContain("the registry is away");
  });

  it("is answered with EINTR, silently, when its reader is gone", async () => {
    const { answers, failures } = await served(never, (misses) => {
      expect(misses.interrupt(8, 0)).toBe(true);
    });
    expect({ answers, failures }).toEqual({ answers: [[-4, 0]], failures: [] });
  });

  it("is known by its name also when it was sent again, and not by another", async () => {
    await served(never, (misses) => {
      expect(misses.interrupt(10, 0)).toBe(false);
      expect(misses.interrupt(8, 0x8000_0000)).toBe(true);
    });
  });
});
