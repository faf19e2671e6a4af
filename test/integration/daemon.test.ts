import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { TestRegistry } from "@sluice/oci/testing";
import {
  createFileLog,
  type Daemon,
  DaemonClient,
  DaemonRunningError,
  ensureDaemon,
  MetricsListenError,
  NodePaths,
  parseNodeConfig,
  Registries,
  startDaemon,
  UnknownTrustPolicyError,
} from "@sluice/snapshotter";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { pushSmallImage } from "../support/small-image.js";

describe("a daemon without mounts", () => {
  let root: string;
  let daemons: Daemon[];
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "sluice-daemon-"));
    daemons = [];
  });
  afterEach(async () => {
    for (const daemon of daemons) {
      await daemon.stop({ busy: "detach", keepMounts: false }).catch(() => undefined); // a test may have stopped it
      await daemon.stopped;
    }
    await rm(root, { recursive: true });
  });
  const start = async (settings: object = {}): Promise<DaemonClient> => {
    const config = parseNodeConfig({ store: { budget: "64MiB" }, ...settings });
    const daemon = await startDaemon({
      root,
      config,
      version: "1.2.3",
      log: createFileLog(join(root, "log"), "debug"),
    });
    daemons.push(daemon);
    return new DaemonClient(daemon.controlSocket);
  };

  it("tells who it is and what it holds", async () => {
    const client = await start();
    expect(await client.status()).toEqual({
      pid: process.pid,
      version: "1.2.3",
      root,
      uptimeSeconds: expect.any(Number),
      rssBytes: expect.any(Number),
      mounts: 0,
      store: { bytes: expect.any(Number), budgetBytes: 64 * 2 ** 20, chunks: 0 },
      fetch: { requests: 0, bytes: 0, inFlight: 0, unreadBytes: 0 },
      reads: { hits: 0, misses: 0, errors: 0 },
      fuse: { requests: 0, pushedBytes: 0 },
    });
    expect(await client.mounts()).toEqual([]);
    expect(await client.storeUse()).toMatchObject({ chunks: 0, damaged: 0, notStored: 0 });
    expect(await client.storeGc()).toMatchObject({ removedDisks: 0 });
    expect(await client.storeScrub()).toEqual({ checkedChunks: 0, checkedBytes: 0, damaged: [] });
  });

  it("is the only one of its data root, and leaves the root to the next when it stops", async () => {
    const client = await start();
    await expect(start()).rejects.toThrow(DaemonRunningError);
    await expect(start()).rejects.toThrow(`process ${process.pid}`);
    await client.stop({ busy: "refuse", keepMounts: false });
    await daemons[0]?.stopped;
    expect((await (await start()).status()).root).toBe(root);
  });

  it("starts where a killed one left its socket and its word", async () => {
    const paths = new NodePaths(root);
    await (await start()).stop({ busy: "refuse", keepMounts: false });
    await daemons[0]?.stopped;
    await writeFile(paths.controlSocket, "");
    await writeFile(paths.daemonFile, "{");
    expect((await (await start()).status()).pid).toBe(process.pid);
  });

  it("says why an image is not streamed, and what to do", async () => {
    await using registry = await TestRegistry.start();
    await using registries = new Registries();
    const reference = `${registry.host}/app:1`;
    await pushSmallImage(registries.open({ reference }), "1", { layers: [[{ name: "a", content: "a" }]] });
    const client = await start();
    expect(await client.why({ reference })).toMatchObject({
      reference,
      streamed: false,
      local: false,
      mountpoints: [],
      reason: { code: "NO_ARTIFACT", cure: expect.stringContaining("convert") },
    });
    expect(await client.why({ reference: `${registry.host}/nothing:1` })).toMatchObject({
      reason: { code: "IMAGE_NOT_FOUND" },
    });
    registry.faults.add({ fault: { kind: "stall" } });
    expect(await client.why({ reference })).toMatchObject({
      reason: { code: "REGISTRY_UNREACHABLE", message: expect.stringContaining("did not answer within 5000 ms") },
    });
    await expect(client.why({ reference: "UPPER CASE" })).rejects.toMatchObject({ code: "INVALID_REFERENCE" });
    await expect(client.why({ reference: "oci:relative" })).rejects.toMatchObject({ code: "RELATIVE_LAYOUT" });
  });

  it("offers its metrics on the socket, and over TCP where the configuration says", async () => {
    const client = await start({ metrics: { listen: "127.0.0.1:0" } });
    expect(await client.metrics()).toMatch(/^sluice_mounts 0$/m);
    const [, address] = /"address":"([^"]+)"/.exec(await readFile(join(root, "log"), "utf8")) ?? [];
    const response = await fetch(`${address}/metrics`);
    expect(response.headers.get("content-type")).toContain("text/plain");
    expect(await response.text()).toMatch(/^sluice_store_budget_bytes 67108864$/m);
    expect((await fetch(`${address}/v1/status`)).status).toBe(404);
  });

  it("does not start with a setting it cannot honour, and leaves the root free", async () => {
    await expect(start({ trust: { policy: "signed" } })).rejects.toThrow(UnknownTrustPolicyError);
    await expect(start({ metrics: { listen: "203.0.113.1:9" } })).rejects.toThrow(MetricsListenError);
    await start();
  });
});

describe("a daemon in the background", () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "sluice-ensure-"));
  });
  afterEach(() => rm(root, { recursive: true }));

  it("that cannot start is told of with the reason from its log", async () => {
    const entry = ["-e", "throw new TypeError('no such setting')"];
    await expect(ensureDaemon(root, { entry })).rejects.toMatchObject({
      code: "DAEMON_START",
      message: expect.stringMatching(/exit 1.*TypeError: no such setting.*log: /),
    });
  });

  it("that never answers is given up, with what its log says last", async () => {
    const { log } = new NodePaths(root);
    await mkdir(dirname(log), { recursive: true });
    await writeFile(log, "opening\n"); // it may not come to say something itself in so short a time
    const entry = ["-e", "setTimeout(() => {}, 3000)"];
    await expect(ensureDaemon(root, { entry, startTimeoutMs: 500 })).rejects.toThrow(/does not answer: opening/);
  });

  it("is not waited for by a caller who left", async () => {
    const entry = ["-e", "setTimeout(() => {}, 3000)"];
    const signal = AbortSignal.timeout(300);
    await expect(ensureDaemon(root, { entry, signal })).rejects.toBeDefined();
    expect(signal.aborted).toBe(true);
  });
});
