import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { missingPrograms, toolsFolder } from "@sluice/oci/testing";
import { describe, expect, it } from "vitest";
import { KeptNode } from "../support/kept-node.js";
import { RunningContainerd } from "../support/running-containerd.js";
import { mirroredHosts, packagesOfImages, pushSuiteImages, sandboxImage } from "./critest/images.js";

/*
 * The suite of the container runtime interface (sigs.k8s.io/cri-tools), with our snapshotter and with containerd's own beside it. Two runs take minutes:
 * SLUICE_CRITEST=1 npx vitest run --project containerd test/containerd/critest.test.ts
 */

const execute = promisify(execFile);
const isWanted = process.env["SLUICE_CRITEST"] === "1";
const missing = missingPrograms({ containerd: "containerd", runc: "runc", ...packagesOfImages });
const noNetworks = existsSync("/usr/lib/cni/bridge") ? "" : "needs bridge: apt-get install containernetworking-plugins";
const why = isWanted ? missing || noNetworks : "takes minutes: set SLUICE_CRITEST=1";
const programs = ["/usr/bin/containerd", join(toolsFolder, "containerd2/bin/containerd")].filter((program) =>
  existsSync(program),
);
/** An image that only its makers can push: the suite names it by its digest. */
const leftOut = "public image with digest";
/** Of each program's run. Milliseconds. */
const maxRunMs = 25 * 60_000;

type State = "passed" | "failed" | "skipped" | "panicked" | "timedout" | "interrupted" | "pending" | "aborted";
interface Spec {
  readonly ContainerHierarchyTexts: readonly string[] | null;
  readonly LeafNodeText: string;
  readonly LeafNodeType: string;
  readonly State: State;
  readonly Failure?: { readonly Message: string };
}

/** The suite's program, built once. */
async function suiteProgram(scratch: string): Promise<string> {
  const program = join(scratch, "critest");
  const cwd = join(import.meta.dirname, "critest");
  await execute("go", ["test", "-c", "-o", program, "sigs.k8s.io/cri-tools/cmd/critest"], { cwd, maxBuffer: 64e6 });
  return program;
}

async function runSuite(suite: string, socket: string, scratch: string): Promise<ReadonlyMap<string, Spec>> {
  const report = join(scratch, "report.json");
  const endpoints = [`--runtime-endpoint=unix://${socket}`, `--image-endpoint=unix://${socket}`];
  const ginkgo = [`--ginkgo.json-report=${report}`, `--ginkgo.skip=${leftOut}`, "--ginkgo.no-color", "--ginkgo.seed=1"];
  await execute(suite, [...endpoints, ...ginkgo], { cwd: scratch, timeout: maxRunMs, maxBuffer: 256e6 }).catch(
    () => undefined, // a spec failed: the report says which
  );
  const [{ SpecReports: specs }] = JSON.parse(await readFile(report, "utf8")) as [{ SpecReports: readonly Spec[] }];
  const leaves = specs.filter(({ LeafNodeType }) => LeafNodeType === "It");
  return new Map(leaves.map((spec) => [[...(spec.ContainerHierarchyTexts ?? []), spec.LeafNodeText].join(" "), spec]));
}

async function writeSettings(folder: string, host: string): Promise<{ hostsFolder: string; networksFolder: string }> {
  const [hostsFolder, networksFolder] = [join(folder, "certs.d"), join(folder, "networks")];
  for (const mirrored of mirroredHosts) {
    await mkdir(join(hostsFolder, mirrored), { recursive: true });
    const hosts = `server = "http://${host}"\n[host."http://${host}"]\n  capabilities = ["pull", "resolve"]\n`;
    await writeFile(join(hostsFolder, mirrored, "hosts.toml"), hosts);
  }
  await mkdir(networksFolder, { recursive: true });
  const ipam = { type: "host-local", ranges: [[{ subnet: "10.88.77.0/24" }]], routes: [{ dst: "0.0.0.0/0" }] };
  const bridge = { type: "bridge", bridge: "sluicetest0", isGateway: true, ipMasq: true, ipam };
  const plugins = [bridge, { type: "portmap", capabilities: { portMappings: true } }];
  const network = { cniVersion: "0.4.0", name: "sluice-test", plugins };
  await writeFile(join(networksFolder, "10-test.conflist"), JSON.stringify(network));
  return { hostsFolder, networksFolder };
}

describe.skipIf(why !== "").each(programs)(`the suite of the container runtime interface with %s ${why}`, (program) => {
  it(
    "passes with our snapshotter what it passes with overlayfs, for images that are streamed",
    async () => {
      const scratch = await mkdtemp(join(tmpdir(), "critest-"));
      const socket = join(scratch, "s.sock");
      const environment = { SLUICE_SNAPSHOTTER_ADDRESS: socket, SLUICE_CERTS_DIR: join(scratch, "certs.d") };
      const node = await KeptNode.create(environment);
      try {
        const suite = process.env["SLUICE_CRITEST_PROGRAM"] ?? (await suiteProgram(scratch));
        await pushSuiteImages(node.registry, scratch);
        const settings = { sandboxImage, ...(await writeSettings(scratch, node.registry.host)) };
        await node.must("daemon", "start");
        const results = [];
        for (const snapshotter of [{ address: socket, dataRoot: node.root }, undefined]) {
          await using containerd = await RunningContainerd.start(program, snapshotter, settings);
          results.push(await runSuite(suite, containerd.socket, scratch));
        }
        const [ours, theirs] = results;
        const passed = [...(theirs ?? [])].filter(([, { State }]) => State === "passed").map(([name]) => name);
        const differing = passed
          .map((name) => [name, ours?.get(name)] as const)
          .filter(([, spec]) => spec?.State !== "passed")
          .map(([name, spec]) => `${name}: ${spec?.State}: ${spec?.Failure?.Message}`);
        const failed = [...(theirs ?? [])].filter(([, { State }]) => State === "failed").map(([name]) => name);
        process.stderr.write(
          `${program}: with overlayfs ${passed.length} pass and fail: ${failed.join("; ") || "none"}\n`,
        );
        const why = await node.must("why", sandboxImage, "-o", "json"); // the one that nothing else was pulled before
        expect(JSON.parse(why)).toMatchObject({ pulled: { streamed: true } });
        expect(differing).toEqual([]);
        expect(passed.length).toBeGreaterThan(50);
      } finally {
        await node[Symbol.asyncDispose]();
        await rm(scratch, { recursive: true, force: true });
      }
    },
    2 * maxRunMs + 300_000,
  );
});
