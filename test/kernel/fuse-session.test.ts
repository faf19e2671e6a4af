import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type DiskFile,
  type FuseEvent,
  FuseSession,
  isMountpoint,
  MountInUseError,
  type ReadMiss,
} from "@sluice/snapshotter";
import { chunkState, FileChunks, fileChunksModule } from "@sluice/snapshotter/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { complaint, endOf, output, started } from "../support/other-process.js";
import { eventually, forever } from "../support/served-disk.js";

const chunkBlocks = 16;
const chunkBytes = chunkBlocks * 4096;
const content = randomBytes(64 * chunkBytes);

describe("a FUSE session", () => {
  let work: string;
  let image: string;
  let chunks: FileChunks;
  let session: FuseSession;
  let events: FuseEvent[];
  let readMiss: ReadMiss;

  const open = (options: { deadlineMs?: number } = {}): Promise<FuseSession> =>
    FuseSession.open({
      mountpoint: join(work, "disks"),
      chunks,
      readerModule: fileChunksModule,
      readMiss: (...asked) => readMiss(...asked),
      onEvent: (event) => events.push(event),
      ...options,
    });
  const add = (name: string): DiskFile => session.addDisk({ name, ...chunks.bind(image, content.length, chunkBlocks) });
  const slot = (disk: DiskFile, row: number): number => disk.slots[row] ?? -1;
  /** Reads one chunk without the page cache, so that it is one request. */
  const chunk = (disk: DiskFile, row: number): readonly string[] => [
    `if=${session.pathOf(disk)}`,
    "iflag=direct",
    `bs=${chunkBytes}`,
    `skip=${row}`,
    "count=1",
    "status=none",
  ];
  const expected = (row: number): string => content.toString("latin1", row * chunkBytes, (row + 1) * chunkBytes);

  beforeEach(async () => {
    work = await mkdtemp(join(tmpdir(), "sluice-session-"));
    image = join(work, "image");
    await writeFile(image, content);
    chunks = new FileChunks([image]);
    events = [];
    readMiss = async () => {
      throw new Error("nothing is to be had");
    };
    session = await open();
  });
  afterEach(async () => {
    await session.close({ force: true });
    expect(chunks.readers.size).toBe(0);
    expect(await isMountpoint(session.mountpoint)).toBe(false);
    await rm(work, { recursive: true });
  });

  it("shows a hundred disks, each with its own inode, and forgets those that were removed", async () => {
    const disks = Array.from({ length: 100 }, (_, i) => add(`disk-${i}`));
    expect((await output("ls", [session.mountpoint])).trim().split("\n")).toHaveLength(100);
    expect(new Set(disks.map(({ inode }) => inode)).size).toBe(100);
    for (const disk of disks.slice(0, 99)) await session.removeDisk(disk);
    expect(await output("ls", [session.mountpoint])).toBe("disk-99\n");
    expect(await complaint("cat", [join(session.mountpoint, "disk-5")])).toMatch(/No such file/);
    const again = add("disk-5");
    expect(again.inode).toBeGreaterThan(Math.max(...disks.map(({ inode }) => inode)));
    expect(await output("dd", chunk(again, 3))).toBe(expected(3));
  });

  it("is for root alone and changes nothing", async () => {
    const disk = add("disk");
    const nobody = ["--reuid", "65534", "--clear-groups", "cat", session.pathOf(disk)];
    expect(await complaint("setpriv", nobody)).toMatch(/Permission denied/);
    expect(await complaint("touch", [join(session.mountpoint, "new")])).toMatch(/Read-only/);
  });

  it("reads zeros where no chunk is, and nothing behind the end", async () => {
    const columns = chunks.bind(image, content.length, chunkBlocks);
    const zeroChunk = Int32Array.from(columns.slots, (each, row) => (row === 1 ? -1 : each));
    const gapBytes = 3 * 4096;
    const disk = session.addDisk({ name: "gaps", ...columns, slots: zeroChunk, sizeBytes: content.length + gapBytes });
    expect(await output("dd", chunk(disk, 1))).toBe("\0".repeat(chunkBytes));
    expect(await output("dd", chunk(disk, 64))).toBe("\0".repeat(gapBytes));
    expect(await output("dd", chunk(disk, 65))).toBe("");
  });

  it("answers EIO for a request that throws, says why, and goes on", async () => {
    const disk = add("disk");
    chunks.set(slot(disk, 2), chunkState.throws);
    expect(await complaint("dd", chunk(disk, 2))).toMatch(/Input\/output error/);
    await eventually("the failure is told", () => events.length > 0);
    expect(events).toMatchObject([{ kind: "request-failed", error: { message: expect.stringMatching(/throws/) } }]);
    expect(await output("dd", chunk(disk, 3))).toBe(expected(3));
  });

  it("lets the next thread answer the request in the hand of one that died", async () => {
    const disk = add("disk");
    chunks.set(slot(disk, 4), chunkState.killsOnce);
    expect(await output("dd", chunk(disk, 4))).toBe(expected(4));
    await eventually("the death is told", () => events.length === 1);
    expect(events).toMatchObject([{ kind: "worker-died" }]);
  });

  it("answers a miss that was asked for again because a thread died", async () => {
    const disk = add("disk");
    chunks.set(slot(disk, 1), chunkState.absent);
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    readMiss = async (_disk, offset, length) => {
      await held;
      return content.subarray(offset, offset + length);
    };
    const waiting = output("dd", chunk(disk, 1));
    await eventually("the read waits", () => session.stats().waiting === 1);
    chunks.set(slot(disk, 4), chunkState.killsOnce);
    expect(await output("dd", chunk(disk, 4))).toBe(expected(4));
    release();
    expect(await waiting).toBe(expected(1));
    expect(session.stats().resent).toBeGreaterThanOrEqual(1);
  });

  it("answers EIO for the request over which two threads died, and replaces them", async () => {
    const disk = add("disk");
    for (const row of [4, 5, 6]) {
      chunks.set(slot(disk, row), chunkState.killsThread);
      expect(await complaint("dd", chunk(disk, row))).toMatch(/Input\/output error/);
      chunks.set(slot(disk, row), chunkState.present);
    }
    await eventually("six deaths are told", () => events.filter(({ kind }) => kind === "worker-died").length === 6);
    for (let row = 0; row < 8; row++) expect(await output("dd", chunk(disk, row))).toBe(expected(row));
  });

  it("refuses an answer of the wrong length", async () => {
    const disk = add("disk");
    chunks.set(slot(disk, 0), chunkState.absent);
    readMiss = async (_disk, _offset, length) => new Uint8Array(length - 1);
    expect(await complaint("dd", chunk(disk, 0))).toMatch(/Input\/output error/);
    expect(String(events.map((event) => event.error))).toMatch(/asked for 65536 bytes, the source gave 65535/);
  });

  it("gives a miss up when its reader is killed, and not for a signal that the reader survives", async () => {
    const disk = add("disk");
    chunks.set(slot(disk, 1), chunkState.absent);
    let reason: unknown;
    readMiss = async (_disk, _offset, _length, signal) => {
      signal.addEventListener("abort", () => {
        reason = signal.reason;
      });
      return await forever(signal);
    };
    const reader = started("dd", [...chunk(disk, 1), "of=/dev/null"]);
    await eventually("the read waits", () => session.stats().waiting === 1);
    reader.kill("SIGUSR1"); // dd prints its progress and goes on
    await eventually("the kernel has told", () => session.stats().interrupts === 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(session.stats().waiting).toBe(1);
    reader.kill("SIGTERM");
    expect(await endOf(reader)).toBe("SIGTERM");
    expect(reason).toMatchObject({ code: "READER_GONE" });
    expect(session.stats().waiting).toBe(0);
    expect(events).toEqual([]);
  });

  it("counts what it does", async () => {
    const disk = add("disk");
    await output("dd", chunk(disk, 0));
    await eventually("the answer is counted, which comes after it", () => session.stats().hits === 1);
    const stats = session.stats();
    expect(stats).toMatchObject({ hits: 1, misses: 0, errors: 0, opens: 1, reads: 1, readBytes: chunkBytes });
    expect(stats.times.hit.buckets.reduce((sum, hits) => sum + hits, 0)).toBe(1);
  });

  it("is busy while somebody has a file open, and then serves on", async () => {
    const disk = add("disk");
    const holder = started("sh", ["-c", `exec 3< '${session.pathOf(disk)}'; exec sleep 1000`]);
    await eventually("it is open", () => session.stats().opens === 1);
    await expect(session.close()).rejects.toMatchObject({ code: "MOUNT_BUSY", holders: [`sleep (${holder.pid})`] });
    expect(await output("dd", chunk(disk, 7))).toBe(expected(7));
    holder.kill("SIGKILL");
    await endOf(holder);
  });

  it("ends every reader when it is aborted", async () => {
    const disk = add("disk");
    chunks.set(slot(disk, 0), chunkState.absent);
    readMiss = async (_disk, _offset, _length, signal) => await forever(signal);
    const reader = started("dd", [...chunk(disk, 0), "of=/dev/null"]);
    await eventually("the read waits", () => session.stats().waiting === 1);
    await session.close({ force: true });
    expect(await endOf(reader)).toBe(1);
  });

  it("refuses a mount point that a living session serves", async () => {
    await expect(open()).rejects.toThrow(MountInUseError);
    expect(await readdir(work)).toContain("disks");
  });
});

describe("a process with a FUSE session", () => {
  it("ends by itself once the session is closed, at once by process.exit, and leaves no mount", async () => {
    const work = await mkdtemp(join(tmpdir(), "sluice-session-"));
    const dist = new URL("../../packages/snapshotter/dist/", import.meta.url).href;
    const program = (end: string): string => `
      const { FuseSession } = await import("${dist}index.js");
      const { FileChunks, fileChunksModule } = await import("${dist}testing/index.js");
      const session = await FuseSession.open({
        mountpoint: ${JSON.stringify(work)}, chunks: new FileChunks([]), readerModule: fileChunksModule,
        readMiss: async () => { throw new Error("no"); }, onEvent: () => undefined,
      });
      ${end}`;
    for (const end of ["await session.close();", "process.exit(0);"]) {
      const child = started(process.execPath, ["--input-type=module", "-e", program(end)]);
      expect(await endOf(child)).toBe(0);
      expect(await isMountpoint(work)).toBe(false);
    }
    const dead = started(process.execPath, [
      "--input-type=module",
      "-e",
      program("process.kill(process.pid, 'SIGKILL');"),
    ]);
    expect(await endOf(dead)).toBe("SIGKILL");
    const after = started(process.execPath, ["--input-type=module", "-e", program("await session.close();")]);
    expect(await endOf(after)).toBe(0); // took the dead mount away first
    expect(await isMountpoint(work)).toBe(false);
    await rm(work, { recursive: true });
  });
});
