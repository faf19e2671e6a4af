import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadedPackages } from "../support/loaded-modules.js";

const program = new URL("../../packages/cli/bin/sluice.js", import.meta.url).pathname;
const here = new URL(".", import.meta.url).pathname;

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "start-cost-"));
});
afterAll(() => rm(root, { recursive: true }));

const sorted = (names: ReadonlySet<string>): string[] => [...names].sort();
const ofProgram = async (...args: string[]): Promise<string[]> =>
  sorted(await loadedPackages([program, ...args], root));
const ofModule = async (name: string): Promise<string[]> =>
  sorted(await loadedPackages(["--input-type=module", "--eval", `import ${JSON.stringify(name)};`], here));

// Time differs from machine to machine; what is loaded does not, and it is most of the time.
describe("a start waits for no library that it does not use", () => {
  it("help needs the command line only, and what references look like", async () => {
    expect(await ofProgram("--help")).toEqual(["@sluice/cli", "@sluice/oci", "cli-table3", "commander"]);
  });

  it("a verb that asks the daemon needs neither the daemon nor registries nor schemas", async () => {
    const loaded = ["@sluice/cli", "@sluice/oci", "@sluice/snapshotter", "cli-table3", "commander"];
    expect(await ofProgram("--root", root, "mounts")).toEqual(loaded);
  });

  it("to open a registry client needs no HTTP client", async () => {
    expect(await ofModule("@sluice/oci")).toEqual(["@sluice/oci", "zod"]);
  });

  it("a daemon that takes over answers reads before it has its control socket, metrics and other drivers", async () => {
    const loaded = await ofModule("@sluice/snapshotter/daemon");
    expect(loaded).toContain("pino");
    const late = /^(fastify|prom-client|fuse-native|undici|yaml|@opentelemetry\/.*)$/;
    expect(loaded.filter((name) => late.test(name))).toEqual([]);
  });

  it.each([
    ["@sluice/oci/content", ["@sluice/oci"]],
    ["@sluice/oci/reference", ["@sluice/oci"]],
    ["@sluice/disk/blocks", ["@sluice/disk"]],
    ["@sluice/disk/chunks", ["@sluice/disk", "zstd-napi"]],
    ["@sluice/store/reader", ["@sluice/store"]],
    ["@sluice/snapshotter/client", ["@sluice/snapshotter"]],
    ["@sluice/snapshotter/threads", ["@sluice/snapshotter"]],
    ["@sluice/snapshotter/config", ["@sluice/snapshotter", "zod"]],
  ])("who imports %s gets no more than that", async (name, packages) => {
    expect(await ofModule(name)).toEqual(packages);
  });
});
