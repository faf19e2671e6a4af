import { execFile } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { convertImage } from "@sluice/converter";
import { decodeRecording, type Recording } from "@sluice/disk";
import { TestRegistry } from "@sluice/oci/testing";
import {
  createSilentLog,
  type Daemon,
  DaemonClient,
  mountTable,
  parseNodeConfig,
  Registries,
  startDaemon,
} from "@sluice/snapshotter";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pushSmallImage } from "../support/small-image.js";

const run = promisify(execFile);

/** Where the data of the first layer starts on the disk. Blocks. docs/format.md §5 */
const dataStart = 2 ** 18;

describe("a recording", () => {
  let folder: string;
  let registry: TestRegistry;
  let registries: Registries;
  let daemon: Daemon;
  let client: DaemonClient;
  let reference: string;

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "sluice-recording-")));
    registry = await TestRegistry.start();
    registries = new Registries();
    reference = `${registry.host}/app:1`;
    const repository = registries.open({ reference });
    // The data space holds files by path: `big` from its first block on.
    await pushSmallImage(repository, "1", {
      layers: [
        [
          { name: "big", content: Buffer.alloc(3_000_000, "0123456789abcdef") },
          { name: "etc", type: "directory" },
          { name: "etc/hello", content: "hello\n" },
        ],
      ],
    });
    const source = { repository, target: "1", reference };
    await convertImage(source, { root: join(folder, "convert"), threads: 1 });
    const config = parseNodeConfig({ store: { budget: "64MiB" }, fetch: { deadline: "10s", retries: 1 } });
    daemon = await startDaemon({ root: join(folder, "root"), config, version: "test", log: createSilentLog() });
    client = new DaemonClient(daemon.controlSocket);
  });
  afterAll(async () => {
    await daemon.stop({ busy: "detach", keepMounts: false });
    await daemon.stopped;
    await registries.close();
    await registry[Symbol.asyncDispose]();
    expect((await mountTable()).filter(({ target }) => target.startsWith(folder))).toEqual([]);
    await rm(folder, { recursive: true, force: true });
  });

  const mountOn = async (name: string, record: boolean) => {
    const mountpoint = join(folder, name);
    await mkdir(mountpoint, { recursive: true });
    return await client.mount({ reference, mountpoint, driver: "erofs", writable: false, record });
  };
  const recordingOf = async (id: string): Promise<Recording> => decodeRecording(await client.recording(id));
  const dataRuns = ({ runs }: Recording): [number, number][] =>
    runs
      .filter(({ startBlock }) => startBlock >= dataStart)
      .map(({ startBlock, blocks }) => [startBlock - dataStart, blocks]);

  it("holds exactly the pages that were read, in order, metadata as well, and no read-ahead", async () => {
    const { id, mountpoint } = await mountOn("exact", true);
    const before = await recordingOf(id);
    expect(dataRuns(before)).toEqual([]);
    expect(before.runs[0]).toMatchObject({ startBlock: 0 }); // the superblock
    for (const page of [500, 3, 501, 3]) {
      await run("dd", [`if=${mountpoint}/big`, "of=/dev/null", "bs=4096", "count=1", `skip=${page}`]);
    }
    await run("cat", [join(mountpoint, "etc/hello")]);
    const { disk, runs, seconds } = await recordingOf(id);
    const recording = await recordingOf(id);
    expect(dataRuns(recording)).toEqual([
      [500, 1],
      [3, 1],
      [501, 1],
      [733, 1],
    ]);
    expect(runs.every(({ milliseconds }) => milliseconds <= seconds * 1000 + 1)).toBe(true);
    expect(disk.layers).toHaveLength(1);
    await client.unmount({ mountpoint, detach: false });
    await expect(client.recording(id)).rejects.toMatchObject({ code: "NOT_RECORDED" });
  });

  it("begins with nothing in memory, whatever other mounts of the image have read", async () => {
    const other = await mountOn("other", false);
    await run("cat", [join(other.mountpoint, "etc/hello")]);
    const first = await mountOn("first", true);
    const second = await mountOn("second", true);
    await run("cat", [join(first.mountpoint, "etc/hello")]);
    await run("cat", [join(second.mountpoint, "etc/hello")]);
    for (const { id } of [first, second]) expect(dataRuns(await recordingOf(id))).toEqual([[733, 1]]);
    await expect(client.recording(other.id)).rejects.toMatchObject({ code: "NOT_RECORDED" });
    for (const { mountpoint } of [other, first, second]) await client.unmount({ mountpoint, detach: false });
  });

  it("is refused for a driver that does not read page by page", async () => {
    const mountpoint = join(folder, "native");
    await mkdir(mountpoint);
    const request = { reference, mountpoint, driver: "fuse-native", writable: false, record: true } as const;
    await expect(client.mount(request)).rejects.toMatchObject({ code: "RECORDING_NEEDS_EROFS" });
  });
});
