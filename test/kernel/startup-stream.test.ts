import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { convertImage } from "@sluice/converter";
import { findArtifact } from "@sluice/disk/artifact";
import { parseImageConfig } from "@sluice/oci";
import { type Fault, TestRegistry } from "@sluice/oci/testing";
import {
  createFileLog,
  type Daemon,
  DaemonClient,
  mountTable,
  NodePaths,
  parseNodeConfig,
  Registries,
  startDaemon,
} from "@sluice/snapshotter";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sha256Of } from "../support/other-process.js";
import { pushSmallImage } from "../support/small-image.js";
import { pushStartupArtifact, type StartupArtifact } from "../support/startup-artifact.js";

const run = promisify(execFile);
const dataStart = 2 ** 18;
/** Bytes that do not shrink: the startup blob of half of them has 3 MB. */
const content = randomBytes(6_000_000);

describe("a start from a startup blob", () => {
  let folder: string;
  let registry: TestRegistry;
  let registries: Registries;
  let reference: string;
  let recorded: StartupArtifact;
  let root: string;
  let daemon: Daemon;
  let client: DaemonClient;
  let mountpoint: string;

  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "sluice-startup-")));
    registry = await TestRegistry.start();
    registries = new Registries();
    reference = `${registry.host}/app:1`;
    const repository = registries.open({ reference });
    const image = await pushSmallImage(repository, "1", {
      layers: [
        [
          { name: "data", content },
          { name: "etc", type: "directory" },
          { name: "etc/hello", content: "hello\n" },
        ],
      ],
    });
    await convertImage({ repository, target: "1", reference }, { root: join(folder, "convert"), threads: 1 });
    const configBlob = image.config;
    if (configBlob === undefined) throw new Error("an image has a config");
    const pieces: Uint8Array[] = [];
    for await (const piece of repository.readBlob(configBlob)) pieces.push(piece);
    const { diffIds } = parseImageConfig(Buffer.concat(pieces), "test");
    const { artifact } = await findArtifact(repository, { manifest: image, diffIds });
    if (artifact === undefined) throw new Error("it was just converted");
    // The metadata, then the second half of the data backwards, in runs of 30 blocks.
    recorded = await pushStartupArtifact(repository, artifact.manifest, (toc) => [
      { startBlock: 0, blocks: toc.regions[0]?.blocks ?? 0 },
      ...Array.from({ length: 24 }, (_, i) => ({ startBlock: dataStart + 1430 - 30 * i, blocks: 30 })),
    ]);
  });
  afterAll(async () => {
    await registries.close();
    await registry[Symbol.asyncDispose]();
    expect((await mountTable()).filter(({ target }) => target.startsWith(folder))).toEqual([]);
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    root = await mkdtemp(join(folder, "root-"));
    mountpoint = join(folder, "mnt");
    await mkdir(mountpoint, { recursive: true });
    registry.faults.clear();
    registry.requests.length = 0;
    await start();
  });
  afterEach(async () => {
    await daemon.stop({ busy: "detach", keepMounts: false });
    await daemon.stopped;
  });

  const logFile = (): string => new NodePaths(root).log;
  const start = async (more: object = {}): Promise<void> => {
    const config = parseNodeConfig({ store: { budget: "64MiB" }, fetch: { deadline: "20s", retries: 2 }, ...more });
    daemon = await startDaemon({ root, config, version: "test", log: createFileLog(logFile(), "info") });
    client = new DaemonClient(daemon.controlSocket);
  };
  const mount = () => client.mount({ reference, mountpoint, driver: "erofs", writable: false });
  const readAll = () => sha256Of(join(mountpoint, "data"));
  const right = createHash("sha256").update(content).digest("hex");
  const startupRequests = () => registry.requests.filter(({ path }) => path.endsWith(recorded.startup.digest));
  const startupBytes = (): number => startupRequests().reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  const spoil = (fault: Fault, times = 1): unknown =>
    registry.faults.add({ fault, times, when: ({ path }) => path.endsWith(recorded.startup.digest) });
  /** Pages of the startup set, so far before its end that the kernel reads nothing behind it. */
  const readStartup = () => run("dd", [`if=${mountpoint}/data`, "of=/dev/null", "bs=4096", "skip=800", "count=500"]);

  it("needs five requests, and asks for nothing that the stream brings", async () => {
    await mount();
    await readStartup();
    expect(registry.requests).toHaveLength(5);
    expect(startupRequests()).toHaveLength(1);
    const { fetch } = await client.status();
    expect(fetch.bytes).toBe(recorded.startup.size);
    await expect.poll(async () => (await client.status()).fetch.unreadBytes).toBeLessThan(recorded.startup.size / 2);
    expect(await readAll()).toBe(right);
  });

  it.each<[string, Fault]>([
    ["breaks off in the middle", { kind: "reset", afterBytes: 1_000_000 }],
    ["ends early", { kind: "short-body", missingBytes: 500_000 }],
    ["says nothing more in the middle", { kind: "stall", afterBytes: 500_000 }],
    ["has a wrong byte", { kind: "wrong-bytes" }],
    ["comes from a registry that ignores Range", { kind: "ignore-range" }],
    ["is refused for a moment", { kind: "status", status: 503 }],
  ])("shows the right bytes when the stream %s", async (_, fault) => {
    spoil(fault);
    await mount();
    await readStartup();
    expect(await readAll()).toBe(right);
    expect((await client.status()).reads.errors).toBe(0);
    expect(startupBytes()).toBeLessThan(recorded.startup.size * 1.9);
  });

  it.each<[string, Fault]>([
    ["is gone", { kind: "status", status: 404 }],
    ["is refused for ever", { kind: "status", status: 503 }],
    ["is refused for ever, and for longer than anybody waits", { kind: "status", status: 503, retryAfter: 60 }],
  ])("does without a startup blob that %s", async (_, fault) => {
    spoil(fault, 1000);
    await mount();
    expect(await readAll()).toBe(right);
    expect((await client.status()).reads.errors).toBe(0);
  });

  it("needs no registry once the rest has come in the background", async () => {
    await daemon.stop({ busy: "refuse", keepMounts: false });
    await daemon.stopped;
    await start({ background: { enabled: true } });
    await mount();
    await expect.poll(() => readFile(logFile(), "utf8"), { timeout: 10_000 }).toContain("needs no registry");
    registry.faults.add({ fault: { kind: "status", status: 500 } });
    const asked = registry.requests.length;
    expect(await readAll()).toBe(right);
    expect(registry.requests).toHaveLength(asked);
  });

  it("goes on after a restart in the middle, and fetches nothing twice", async () => {
    spoil({ kind: "slow", bytesPerSecond: 2_000_000 });
    await mount();
    await expect.poll(async () => (await client.status()).store.chunks, { timeout: 5000 }).toBeGreaterThan(4);
    await daemon.stop({ busy: "detach", keepMounts: true });
    await daemon.stopped;
    const before = startupBytes();
    expect(before).toBeLessThan(recorded.startup.size);
    await start();
    await expect.poll(() => client.mounts(), { timeout: 5000 }).toHaveLength(1);
    expect(await readAll()).toBe(right);
    expect(startupBytes()).toBeLessThan(recorded.startup.size * 1.5);
    expect(startupBytes() - before).toBeLessThan(recorded.startup.size);
  });
});
