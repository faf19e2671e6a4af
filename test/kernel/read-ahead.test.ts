import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ErofsDriver } from "@sluice/snapshotter";
import { FileChunks, fileChunksModule } from "@sluice/snapshotter/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeDiskImage } from "../support/erofs-disk.js";
import { sha256Of } from "../support/other-process.js";
import { ServedDisk } from "../support/served-disk.js";

const content = randomBytes(8 * 1024 * 1024);
const contentHash = createHash("sha256").update(content).digest("hex");

describe("reading ahead on a disk", () => {
  let work: string;
  let driver: ErofsDriver;
  let chunks: FileChunks;

  beforeEach(async () => {
    work = await mkdtemp(join(tmpdir(), "sluice-read-ahead-"));
    chunks = new FileChunks([join(work, "image")]);
    driver = new ErofsDriver({
      mountpoint: join(work, "disks"),
      chunks,
      readerModule: fileChunksModule,
      onEvent: ({ error }) => expect(error).toBeUndefined(),
      backing: "file",
    });
  });
  afterEach(async () => {
    await driver.close({ force: true });
    await rm(work, { recursive: true });
  });

  /** Requests that a large file takes from its first byte to its last. */
  const requestsOfFile = async (name: string, isWhole: boolean): Promise<number> => {
    const image = await writeDiskImage(join(work, "image"), [{ path: "big", content }]);
    const mountpoint = join(work, name);
    await mkdir(mountpoint);
    await driver.mount(Object.assign(new ServedDisk(name, image, chunks), { isWhole }), mountpoint);
    const before = driver.stats()?.reads ?? Number.NaN;
    expect(await sha256Of(join(mountpoint, "big"))).toBe(contentHash);
    return (driver.stats()?.reads ?? Number.NaN) - before;
  };

  it("takes requests of up to a mebibyte when all of it is in the store, and short ones when each may bring a chunk that nobody reads", async () => {
    const whole = await requestsOfFile("whole", true);
    expect(whole).toBeLessThanOrEqual(24);
    expect(await requestsOfFile("partial", false)).toBeGreaterThan(2 * whole);
  });
});
