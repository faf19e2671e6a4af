import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type DiskFile,
  ErofsDriver,
  type FuseEvent,
  FuseSession,
  isMountpoint,
  type ReadMiss,
} from "@sluice/snapshotter";
import { chunkState, FileChunks, fileChunksModule } from "@sluice/snapshotter/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeDiskImage } from "../support/erofs-disk.js";
import { endOf, output, sha256Of, started } from "../support/other-process.js";
import { eventually, ServedDisk } from "../support/served-disk.js";

const chunkBlocks = 16;
const chunkBytes = chunkBlocks * 4096;
const chunkCount = 512;
const content = randomBytes(chunkCount * chunkBytes);
const contentHash = createHash("sha256").update(content).digest("hex");
const wholeDisk = [{ startBlock: 0, blocks: chunkCount * chunkBlocks }];

describe("pages that are pushed", () => {
  let work: string;
  let image: string;
  let chunks: FileChunks;
  let session: FuseSession;
  let events: FuseEvent[];
  let readMiss: ReadMiss;

  const open = (push = { maxBytesPerDisk: 2 ** 30, minAvailableShare: 0 }): Promise<FuseSession> =>
    FuseSession.open({
      mountpoint: join(work, "disks"),
      chunks,
      readerModule: fileChunksModule,
      readMiss: (...asked) => readMiss(...asked),
      onEvent: (event) => events.push(event),
      push,
    });
  const add = (name: string): DiskFile => session.addDisk({ name, ...chunks.bind(image, content.length, chunkBlocks) });
  const slot = (disk: DiskFile, row: number): number => disk.slots[row] ?? -1;
  const rows = (first: number, count: number) => [{ startBlock: first * chunkBlocks, blocks: count * chunkBlocks }];
  /** Reads rows in one request, as read-ahead would. */
  const readRow = (disk: DiskFile, row: number, count: number): readonly string[] => [
    `if=${session.pathOf(disk)}`,
    `bs=${count * chunkBytes}`,
    `skip=${row / count}`,
    "count=1",
    "status=none",
  ];
  const expected = (row: number): string => content.toString("latin1", row * chunkBytes, (row + 1) * chunkBytes);

  beforeEach(async () => {
    work = await mkdtemp(join(tmpdir(), "sluice-push-"));
    image = join(work, "image");
    await writeFile(image, content);
    chunks = new FileChunks([image]);
    events = [];
    readMiss = async (_disk, offset, length) => content.subarray(offset, offset + length);
    session = await open();
  });
  afterEach(async () => {
    await session.close({ force: true });
    expect(chunks.readers.size).toBe(0);
    expect(await isMountpoint(session.mountpoint)).toBe(false);
    await rm(work, { recursive: true });
  });

  it("are read without a single request, every byte right", async () => {
    const disk = add("disk");
    await session.push(disk, wholeDisk);
    expect(await sha256Of(session.pathOf(disk))).toBe(contentHash);
    expect(session.stats()).toMatchObject({ reads: 0, push: { storedBytes: content.length, absentBytes: 0 } });
  });

  it("leave out what is not in the store, which is then read as ever", async () => {
    const disk = add("disk");
    chunks.set(slot(disk, 3), chunkState.absent);
    await session.push(disk, wholeDisk);
    expect(session.stats().push).toMatchObject({ storedBytes: content.length - chunkBytes, absentBytes: chunkBytes });
    expect(await sha256Of(session.pathOf(disk))).toBe(contentHash);
    expect(session.stats().misses).toBe(1);
  });

  it("are not stored where a read waits for the network, and wait for nothing then", async () => {
    const disk = add("disk");
    chunks.set(slot(disk, 1), chunkState.absent);
    let arrive: () => void = () => undefined;
    const arrived = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    readMiss = async (_disk, offset, length) => {
      await arrived;
      return content.subarray(offset, offset + length);
    };
    const reader = output("dd", [...readRow(disk, 0, 2)]); // both rows in one request
    await eventually("the read waits", () => session.stats().waiting === 1);
    await session.push(disk, wholeDisk);
    expect(session.stats().push).toMatchObject({ busyBytes: 2 * chunkBytes, absentBytes: 0, droppedBytes: 0 });
    arrive();
    expect(await reader).toBe(content.toString("latin1", 0, 2 * chunkBytes));
    expect(await sha256Of(session.pathOf(disk))).toBe(contentHash);
  });

  it("wait for a page that a worker is about to answer, while others are answered", async () => {
    const disk = add("disk");
    chunks.set(slot(disk, 1), chunkState.stalls);
    const reader = output("dd", [...readRow(disk, 0, 2)]);
    await eventually("a worker has the read in hand", () => session.stats().reads === 1);
    let isPushed = false;
    const pushed = session.push(disk, rows(0, 1)).then(() => {
      isPushed = true;
    });
    for (let row = 100; row < 110; row++) expect(await output("dd", readRow(disk, row, 1))).toBe(expected(row));
    expect(isPushed).toBe(false);
    chunks.set(slot(disk, 1), chunkState.present);
    await pushed;
    expect(await reader).toBe(expected(0) + expected(1));
    expect(await sha256Of(session.pathOf(disk))).toBe(contentHash);
  });

  it("give up when the connection is ended under a store that waits", async () => {
    const disk = add("disk");
    chunks.set(slot(disk, 1), chunkState.stalls);
    const reader = started("dd", readRow(disk, 0, 2));
    await eventually("a worker has the read in hand", () => session.stats().reads === 1);
    const pushed = session.push(disk, rows(0, 1)); // whoever reads row 1 stalls, the pushing thread too
    await sleep(50);
    const closed = session.close({ force: true });
    await pushed;
    chunks.set(slot(disk, 1), chunkState.present); // the worker sees the end of the connection
    await closed;
    expect(await endOf(reader)).toBe(1);
  });

  it("end with a disk that is removed, and with the session, in the middle", async () => {
    for (let i = 0; i < 10; i++) {
      const disk = add(`disk-${i}`);
      const pushed = session.push(disk, wholeDisk);
      await sleep(i);
      await session.removeDisk(disk);
      await pushed;
    }
    const last = add("last");
    const pushed = session.push(last, wholeDisk);
    await session.close();
    await pushed;
    const { storedBytes, unknownBytes, droppedBytes } = session.stats().push;
    expect(storedBytes + unknownBytes + droppedBytes).toBeLessThanOrEqual(11 * content.length);
  });

  it("give the right bytes to eight readers while the page cache is dropped again and again", async () => {
    const disk = add("disk");
    let isOver = false;
    const dropping = (async () => {
      while (!isOver) await writeFile("/proc/sys/vm/drop_caches", "1").then(() => sleep(5));
    })();
    const readers = Array.from({ length: 8 }, () => sha256Of(session.pathOf(disk)));
    for (let i = 0; i < 8; i++) await session.push(disk, wholeDisk);
    expect(new Set(await Promise.all(readers))).toEqual(new Set([contentHash]));
    isOver = true;
    await dropping;
    expect(events).toEqual([]);
  });

  it("stay inside the disk, are not more than allowed, and none when memory is short", async () => {
    const disk = add("disk");
    await expect(session.push(disk, [{ startBlock: content.length / 4096, blocks: 1 }])).rejects.toThrow(RangeError);
    await session.close();
    session = await open({ maxBytesPerDisk: 3 * chunkBytes, minAvailableShare: 0 });
    const small = add("small");
    for (let row = 0; row < 5; row++) await session.push(small, rows(row, 1));
    expect(session.stats().push).toMatchObject({ storedBytes: 3 * chunkBytes, droppedBytes: 2 * chunkBytes });
    await session.close();
    session = await open({ maxBytesPerDisk: 2 ** 30, minAvailableShare: 1 });
    await session.push(add("short"), rows(0, 1));
    expect(session.stats().push).toMatchObject({ storedBytes: 0, droppedBytes: chunkBytes });
  });

  it("are not asked for around a page that was read where nothing may be pushed", async () => {
    const readPage = async (): Promise<void> => {
      const columns = chunks.bind(image, content.length, chunkBlocks);
      const disk = session.addDisk({ name: "metadata", ...columns, metadataBlocks: 64 });
      await output("dd", [`if=${session.pathOf(disk)}`, "bs=4096", "count=1", "iflag=direct", "status=none"]);
    };
    await readPage();
    await eventually("its neighbours are pushed", () => session.stats().push.storedBytes > 0);
    await session.close();
    session = await open({ maxBytesPerDisk: 0, minAvailableShare: 0 });
    await readPage();
    await sleep(50);
    expect(session.stats().push).toMatchObject({ storedBytes: 0, droppedBytes: 0 });
  });

  it("are not stored for a disk that was removed", async () => {
    const disk = add("disk");
    await session.removeDisk(disk);
    await session.push(disk, rows(0, 1));
    expect(session.stats().push).toMatchObject({ storedBytes: 0, droppedBytes: chunkBytes });
  });

  it("survive the death of their thread three times; then they are off, and reads go on", async () => {
    const disk = add("disk");
    chunks.set(slot(disk, 0), chunkState.killsThread);
    for (let death = 0; death < 4; death++) await session.push(disk, rows(0, 1));
    await eventually("the end is told", () => events.some(({ kind }) => kind === "push-stopped"));
    expect(events.filter(({ kind }) => kind === "push-failed")).toHaveLength(4);
    chunks.set(slot(disk, 0), chunkState.present);
    await session.push(disk, wholeDisk);
    expect(session.stats().push.storedBytes).toBe(0);
    expect(await sha256Of(session.pathOf(disk))).toBe(contentHash);
  });
});

describe("EROFS on a loop device over a disk", () => {
  it("has nothing pushed, since nobody would read it", async () => {
    const work = await mkdtemp(join(tmpdir(), "sluice-push-"));
    const image = await writeDiskImage(
      join(work, "image"),
      Array.from({ length: 1000 }, (_, i) => ({ path: `file-${i}`, content: Buffer.from(`${i}`) })),
    );
    const chunks = new FileChunks([image.path]);
    const { metadataBlocks } = image;
    const disk = Object.assign(new ServedDisk("disk", image, chunks), {
      metadataBlocks,
      onArrived: () => {
        throw new Error("nobody wants to know");
      },
    });
    const driver = new ErofsDriver({
      mountpoint: join(work, "disks"),
      chunks,
      readerModule: fileChunksModule,
      onEvent: ({ error }) => expect(error).toBeUndefined(),
      backing: "loop",
    });
    const mountpoint = join(work, "mount");
    await mkdir(mountpoint);
    try {
      await driver.mount(disk, mountpoint);
      expect(await output("find", [mountpoint, "-printf", "%s\n"])).toMatch(/^(\d+\n){1001}$/);
      await sleep(50);
      expect(driver.stats()?.reads).toBeGreaterThan(0);
      expect(driver.stats()?.push).toMatchObject({ storedBytes: 0, droppedBytes: 0 });
    } finally {
      await driver.close({ force: true });
      await rm(work, { recursive: true });
    }
  });
});

describe("EROFS on a pushed disk", () => {
  it("shows the whole tree without a request, and a walk of what was evicted with few", async () => {
    const work = await mkdtemp(join(tmpdir(), "sluice-push-"));
    const big = randomBytes(3_000_001);
    const image = await writeDiskImage(join(work, "image"), [
      { path: "big", content: big },
      { path: "many", type: "directory" },
      ...Array.from({ length: 3000 }, (_, i) => ({ path: `many/file-${i}`, content: Buffer.from(`${i}`) })),
    ]);
    const chunks = new FileChunks([image.path]);
    const { metadataBlocks } = image;
    const runs = [
      { startBlock: 0, blocks: metadataBlocks },
      { startBlock: image.dataOffset / 4096, blocks: (image.sizeBytes - image.dataOffset) / 4096 },
    ];
    const disk = Object.assign(new ServedDisk("disk", image, chunks), {
      metadataBlocks,
      onArrived: (listener: (arrived: typeof runs) => void) => {
        listener(runs);
        return () => undefined;
      },
    });
    const driver = new ErofsDriver({
      mountpoint: join(work, "disks"),
      chunks,
      readerModule: fileChunksModule,
      onEvent: ({ error }) => expect(error).toBeUndefined(),
      backing: "file",
    });
    const mountpoint = join(work, "mount");
    await mkdir(mountpoint);
    try {
      await driver.mount(disk, mountpoint);
      const pushedBytes = runs.reduce((sum, { blocks }) => sum + blocks * 4096, 0);
      await eventually("all is pushed", () => (driver.stats()?.push.storedBytes ?? 0) >= pushedBytes);
      const reads = (): number => driver.stats()?.reads ?? Number.NaN;
      const before = reads();
      expect(before).toBeLessThan(16); // of the mount call, which does not wait for the push
      expect(await sha256Of(join(mountpoint, "big"))).toBe(createHash("sha256").update(big).digest("hex"));
      const walk = ["-c", 'cat "$1"/many/* | sha256sum; find "$1" -printf "%s\\n" | wc -l', "sh", mountpoint];
      const walked = await output("sh", walk);
      expect(walked).toMatch(/ {2}-\n3003\n$/);
      expect(reads()).toBe(before);

      await writeFile("/proc/sys/vm/drop_caches", "3");
      await output("find", [mountpoint, "-printf", "%s\\n"]);
      expect(reads() - before).toBeGreaterThan(0);
      expect(reads() - before).toBeLessThan(metadataBlocks);
    } finally {
      await driver.close({ force: true });
      await rm(work, { recursive: true });
    }
  });
});

describe("a process that is killed while a store waits", () => {
  it("lets go at once of all that others wait for, and is gone when the connection ends", async () => {
    const work = await mkdtemp(join(tmpdir(), "sluice-push-"));
    const dist = new URL("../../packages/snapshotter/dist/", import.meta.url).href;
    await writeFile(join(work, "image"), content);
    const program = `
      const { FuseSession } = await import("${dist}index.js");
      const { FileChunks, fileChunksModule, chunkState } = await import("${dist}testing/index.js");
      const image = ${JSON.stringify(join(work, "image"))};
      const chunks = new FileChunks([image]);
      const session = await FuseSession.open({
        mountpoint: ${JSON.stringify(join(work, "disks"))}, chunks, readerModule: fileChunksModule,
        readMiss: async () => { throw new Error("no"); }, onEvent: () => undefined,
      });
      const disk = session.addDisk({ name: "disk", ...chunks.bind(image, ${content.length}, ${chunkBlocks}) });
      chunks.set(disk.slots[1], chunkState.stalls);
      await session.push(disk, [{ startBlock: ${100 * chunkBlocks}, blocks: 1 }]);
      const watch = setInterval(() => {
        if (session.stats().reads === 0) return;
        clearInterval(watch);
        void session.push(disk, [{ startBlock: 0, blocks: 1 }]);
        setTimeout(() => console.log("waits"), 100);
      }, 10);
      console.log("ready");`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    child.stdout.on("data", (text) => {
      said += text;
    });
    await eventually("the disk is there", () => said.includes("ready"));
    const reader = started("dd", [`if=${join(work, "disks", "disk")}`, "of=/dev/null", "bs=128k", "count=1"]);
    await eventually("the store waits", () => said.includes("waits"));
    child.kill("SIGKILL");
    const ends = Promise.all([once(child.stdout, "end"), once(child.stderr, "end")]);
    expect(await Promise.race([ends, sleep(5000, "it hangs", { ref: false })])).not.toBe("it hangs");
    await output("umount", ["--force", "--lazy", join(work, "disks")]);
    expect(await endOf(child)).toBe("SIGKILL");
    expect(await endOf(reader)).toBe(1);
    await rm(work, { recursive: true });
  });
});
