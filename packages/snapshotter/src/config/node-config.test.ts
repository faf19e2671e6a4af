import { describe, expect, it } from "vitest";
import { nodeConfigSchema, parseNodeConfig } from "./node-config.js";

const issuesOf = (input: unknown): string[] => {
  const parsed = nodeConfigSchema.safeParse(input);
  return parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
};

describe("the configuration of a node", () => {
  it("is whole when nothing is said", () => {
    expect(parseNodeConfig({})).toEqual({
      store: { budget: { kind: "shareOfDisk", share: 0.1 } },
      fetch: { deadlineMs: 60_000, retries: 6, parallel: 8 },
      push: { maxBytes: 2 ** 30 },
      startup: { offer: false },
      background: { enabled: false, rateBytesPerSecond: 0 },
      trust: { policy: "repository", pins: [] },
      mirrors: {},
      certsDir: "/etc/containerd/certs.d",
      pool: undefined,
      poolFile: "/etc/sluice/pools.yaml",
      credentials: { files: [] },
      cri: { address: undefined, containerd: "/run/containerd/containerd.sock" },
      log: { level: "info" },
      metrics: { listen: undefined },
      telemetry: { endpoint: undefined },
      snapshotter: { address: undefined },
    });
  });

  it("reads sizes, shares, times and rates in human units", () => {
    const config = parseNodeConfig({
      store: { budget: "20GiB" },
      fetch: { deadline: "90s" },
      push: { maxBytes: 0 },
      background: { enabled: true, rate: "10MiB/s" },
    });
    expect(config.store.budget).toEqual({ kind: "bytes", bytes: 20 * 2 ** 30 });
    expect(config.fetch.deadlineMs).toBe(90_000);
    expect(config.push.maxBytes).toBe(0);
    expect(config.background).toEqual({ enabled: true, rateBytesPerSecond: 10 * 2 ** 20 });
    expect(parseNodeConfig({ store: { budget: "25%" } }).store.budget).toEqual({
      kind: "shareOfDisk",
      share: 0.25,
    });
  });

  it("ignores keys that belong to others", () => {
    expect(parseNodeConfig({ serve: { listen: "x" } })).toEqual(parseNodeConfig({}));
  });

  it("can be listed key by key, to be joined with others", () => {
    expect(Object.keys(nodeConfigSchema.shape)).toEqual([
      "store",
      "fetch",
      "startup",
      "push",
      "background",
      "trust",
      "mirrors",
      "certsDir",
      "pool",
      "poolFile",
      "credentials",
      "cri",
      "log",
      "metrics",
      "telemetry",
      "snapshotter",
    ]);
  });

  it("names an unknown key and the object it stands in", () => {
    expect(issuesOf({ store: { bugdet: "1GiB" } })[0]).toMatch(/^store: .*bugdet/);
  });

  it.each([
    [{ store: { budget: "lots" } }, /^store\.budget: expected a size .* got "lots"/],
    [{ store: { budget: "1MiB" } }, /at least 64MiB/],
    [{ fetch: { deadline: "60" } }, /^fetch\.deadline: .*60s/],
    [{ fetch: { deadline: "2h" } }, /^fetch\.deadline/],
    [{ fetch: { parallel: 0 } }, /^fetch\.parallel/],
    [{ trust: { policy: "none" } }, /^trust\.policy/],
    [{ trust: { pins: ["sha256:12"] } }, /^trust\.pins\.0/],
    [{ mirrors: { "docker.io": ["ftp://x"] } }, /^mirrors\.docker\.io\.0/],
    [{ certsDir: "certs.d" }, /^certsDir: expected an absolute path/],
    [{ telemetry: { endpoint: "collector:4318" } }, /^telemetry\.endpoint: /],
    [{ metrics: { listen: "9100" } }, /^metrics\.listen: expected host:port/],
  ])("refuses %j, naming the key", (input, message) => {
    expect(issuesOf(input)[0]).toMatch(message);
  });
});
