import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { convertImage } from "@sluice/converter";
import { createImageManifest, type Descriptor, descriptorOfManifest, type ImageManifest } from "@sluice/oci";
import { type Fault, missingPrograms, TestRegistry, toolsFolder } from "@sluice/oci/testing";
import { Registries } from "@sluice/snapshotter";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeptNode } from "../support/kept-node.js";
import { RunningContainerd } from "../support/running-containerd.js";
import { eventually } from "../support/served-disk.js";
import { pushSmallImage } from "../support/small-image.js";

// Each line is an image of its own, with its fault; all are pulled at once by one containerd. Whatever a registry does, the pull succeeds, and nobody reads wrong bytes.

const newer = join(toolsFolder, "containerd2/bin/containerd");
const containerdProgram = existsSync(newer) ? newer : "/usr/bin/containerd";
const missing = existsSync(newer) ? "" : missingPrograms({ containerd: "containerd" });
const execute = promisify(execFile);
const socket = join(tmpdir(), `sluice-faults-${process.pid}`, "s.sock");
/** Three limits of five seconds, on a machine that is busy with all lines at once. Milliseconds. */
const maxPullMs = 30_000;

type LayerBlobs = Readonly<Record<"toc" | "metadata" | "startup" | "top" | "base", string>>;

type Spoils = (path: string, blobs: LayerBlobs, artifact: string) => boolean;

interface Line {
  readonly name: string;
  /** Instead of the artifact that was made. */
  readonly change?: (artifact: ImageManifest) => Partial<Parameters<typeof createImageManifest>[0]>;
  readonly fault?: Fault;
  readonly times?: number;
  /** What of the image's requests the fault spoils. Default: the list of referrers. */
  readonly on?: Spoils;
  /** The fault comes when the pull is done. */
  readonly afterPull?: boolean;
  /** `streamed`, or why not. */
  readonly outcome: string;
  /** What a reader of the upper layer's file gets. Default: its bytes. */
  readonly read?: "EIO" | "EIO or bytes";
}

const referrers = (path: string): boolean => path.includes("/referrers/");
const blob =
  (name: keyof LayerBlobs): Spoils =>
  (path, blobs) =>
    path.endsWith(blobs[name]);
const artifactItself: Spoils = (path, _, artifact) => path.endsWith(artifact);
const without = (text: string) => (artifact: ImageManifest) => ({
  layers: artifact.layers.filter((layer, at) => !(layer.mediaType.includes(text) && at === artifact.layers.length - 1)),
});
const tocApart = (artifact: ImageManifest) => ({
  layers: artifact.layers.map(({ data: _, ...descriptor }: Descriptor & { readonly data?: unknown }) => descriptor),
});
const annotated = (annotations: Record<string, string>) => (artifact: ImageManifest) => ({
  annotations: { ...artifact.annotations, ...annotations },
});

const lines: readonly Line[] = [
  { name: "nothing", outcome: "streamed" },
  { name: "referrers: 404", fault: { kind: "status", status: 404 }, outcome: "NO_ARTIFACT" },
  { name: "referrers: 500", fault: { kind: "status", status: 500 }, outcome: "REGISTRY_UNREACHABLE" },
  { name: "referrers: 401", fault: { kind: "status", status: 401 }, outcome: "UNAUTHORIZED" },
  { name: "referrers: reset", fault: { kind: "reset" }, outcome: "REGISTRY_UNREACHABLE" },
  { name: "referrers: silence", fault: { kind: "stall" }, outcome: "REGISTRY_UNREACHABLE" },
  { name: "referrers: a byte a second", fault: { kind: "slow", bytesPerSecond: 1 }, outcome: "REGISTRY_UNREACHABLE" },
  { name: "referrers: a page for people", fault: { kind: "html" }, outcome: "NO_ARTIFACT" },
  { name: "referrers: cut short", fault: { kind: "short-body", missingBytes: 20 }, outcome: "REGISTRY_ERROR" },
  {
    name: "referrers: larger than anybody reads",
    change: annotated({ filler: "x".repeat(5_000_000) }),
    outcome: "REGISTRY_ERROR",
  },
  {
    name: "artifact: damaged",
    fault: { kind: "wrong-bytes" },
    on: artifactItself,
    outcome: "ARTIFACT_INVALID",
  },
  {
    name: "artifact: a page for people",
    fault: { kind: "html" },
    on: artifactItself,
    outcome: "REGISTRY_ERROR",
  },
  {
    name: "artifact: gone",
    fault: { kind: "status", status: 404 },
    on: artifactItself,
    outcome: "ARTIFACT_NOT_FOUND",
  },
  { name: "artifact: silence", fault: { kind: "stall" }, on: artifactItself, outcome: "REGISTRY_UNREACHABLE" },
  {
    name: "artifact: unknown version",
    change: annotated({ "dev.sluice.format.version": "99" }),
    outcome: "UNKNOWN_VERSION",
  },
  { name: "artifact: a layer missing", change: without("layer"), outcome: "ARTIFACT_INVALID" },
  {
    name: "TOC: damaged",
    change: tocApart,
    fault: { kind: "wrong-bytes" },
    on: blob("toc"),
    outcome: "ARTIFACT_INVALID",
  },
  {
    name: "TOC: gone",
    change: tocApart,
    fault: { kind: "status", status: 404 },
    on: blob("toc"),
    outcome: "ARTIFACT_NOT_FOUND",
  },
  {
    name: "metadata: damaged",
    fault: { kind: "wrong-bytes" },
    on: blob("metadata"),
    outcome: "NOT_MOUNTABLE",
  },
  {
    name: "metadata: gone",
    fault: { kind: "status", status: 404 },
    on: blob("metadata"),
    outcome: "NOT_MOUNTABLE",
  },
  {
    name: "index of a lower layer: damaged",
    fault: { kind: "wrong-bytes" },
    on: blob("base"),
    outcome: "ARTIFACT_INVALID",
  },
  {
    name: "index of a lower layer: silence",
    fault: { kind: "stall" },
    on: blob("base"),
    outcome: "REGISTRY_UNREACHABLE",
  },
  { name: "startup blob: damaged", fault: { kind: "wrong-bytes" }, on: blob("startup"), outcome: "streamed" },
  { name: "startup blob: gone", fault: { kind: "status", status: 404 }, on: blob("startup"), outcome: "streamed" },
  { name: "chunks: damaged once", fault: { kind: "wrong-bytes" }, times: 1, on: blob("top"), outcome: "streamed" },
  {
    name: "chunks: damaged for good",
    fault: { kind: "wrong-bytes" },
    on: blob("top"),
    outcome: "streamed",
    read: "EIO",
  },
  { name: "chunks: ranges ignored", fault: { kind: "ignore-range" }, on: blob("top"), outcome: "streamed" },
  { name: "chunks: another range", fault: { kind: "wrong-range" }, times: 1, on: blob("top"), outcome: "streamed" },
  { name: "chunks: tokens run out", fault: { kind: "expire" }, times: 1, on: blob("top"), outcome: "streamed" },
  {
    name: "everything: away after the pull",
    fault: { kind: "status", status: 503 },
    on: () => true,
    afterPull: true,
    outcome: "streamed",
    read: "EIO or bytes",
  },
];

interface Result {
  readonly pullMs: number;
  readonly failure: unknown;
  readonly outcome: string | undefined;
  readonly read: Uint8Array | "EIO" | undefined;
  readonly content: Uint8Array;
}

describe.skipIf(missing !== "")(
  `a pull through ${containerdProgram} ${missing}, with a registry that does wrong`,
  () => {
    let node: KeptNode;
    let registry: TestRegistry;
    /** For tokens that run out: containerd's own would, too. */
    let guarded: TestRegistry;
    let containerd: RunningContainerd;
    const results = new Map<string, Promise<Result>>();

    async function prepared(line: Line, at: number) {
      const { faults, host, store: stored } = line.fault?.kind === "expire" ? guarded : registry;
      const reference = `${host}/line${at}:1`;
      const content = randomBytes(60_000);
      const registries = new Registries();
      const repository = registries.open({ reference });
      // No two lines share a layer, nor metadata: containerd, or our store, would have it from the other one.
      const source = await pushSmallImage(repository, "1", {
        layers: [[{ name: `base${at}`, content: randomBytes(40) }], [{ name: "top", content }]],
      });
      await convertImage({ repository, target: "1", reference }, { root: join(node.folder, "c"), threads: 1 });
      await registries.close();
      const store = stored.repository(`line${at}`);
      const made = [...store.manifests.values()].find(({ subject }) => subject !== undefined);
      if (made?.kind !== "image") throw new Error("the conversion made an artifact");
      let artifact: ImageManifest = made;
      if (line.change) {
        const source = [...store.manifests.values()].find(({ digest }) => digest === made.subject?.digest);
        if (!source) throw new Error("the artifact has a subject");
        const { artifactType, annotations, config, layers } = made;
        artifact = createImageManifest({
          ...{ artifactType, annotations, config: config ?? layers[0], layers, subject: descriptorOfManifest(source) },
          ...line.change(made),
        } as Parameters<typeof createImageManifest>[0]);
        store.deleteManifest(made.digest);
        store.manifests.set(artifact.digest, artifact);
      }
      const digestOf = (text: string, last = false): string => {
        const found = made.layers.filter(({ mediaType }) => mediaType.includes(text));
        return (last ? found.at(-1) : found[0])?.digest ?? "none";
      };
      const blobs = {
        toc: digestOf(".toc."),
        metadata: digestOf(".metadata."),
        startup: digestOf(".startup."),
        base: digestOf(".layer."),
        top: digestOf(".layer.", true),
      };
      const { fault, on = referrers, times } = line;
      const spoil = (): (() => void) => {
        if (!fault) return () => undefined;
        const when = ({ path }: { path: string }): boolean =>
          path.includes(`/line${at}/`) && on(path, blobs, artifact.digest);
        return faults.add({ fault, when, ...(times !== undefined && { times }) });
      };
      const [lower, upper] = source.layers.map(({ digest }) => digest); // of plain tars: their DiffIDs, too
      const chain = `sha256:${createHash("sha256").update(`${lower} ${upper}`).digest("hex")}`;
      return { reference, content, spoil, chain };
    }

    async function run(
      line: Line,
      at: number,
      { reference, content, spoil, chain }: Awaited<ReturnType<typeof prepared>>,
    ): Promise<Result> {
      let wellAgain = line.afterPull === true ? () => undefined : spoil();
      const since = performance.now();
      const failure = await containerd.pull(reference).then(
        () => undefined,
        (error: unknown) => error,
      );
      const pullMs = performance.now() - since;
      if (line.afterPull === true) wellAgain = spoil();
      if (failure !== undefined) return { pullMs, failure, outcome: undefined, read: undefined, content };
      const folder = join(node.folder, `m${at}`);
      await mkdir(folder);
      const snapshots = (...args: string[]) => containerd.ctr("snapshots", "--snapshotter", "sluice", ...args);
      await snapshots("prepare", `reader${at}`, chain);
      await execute("sh", ["-c", await snapshots("mounts", folder, `reader${at}`)]);
      let read: Result["read"];
      try {
        read = await execute("cat", [join(folder, "top")], { encoding: "buffer", maxBuffer: 1e7 }).then(
          ({ stdout }) => new Uint8Array(stdout),
          (error: { readonly stderr: Buffer }) => {
            expect(error.stderr.toString()).toContain("Input/output error");
            return "EIO" as const;
          },
        );
      } finally {
        await execute("umount", [folder]);
      }
      wellAgain(); // `why` asks the registry, too
      const { pulled } = JSON.parse(await node.must("why", reference, "-o", "json")) as {
        pulled: { readonly streamed: boolean; readonly reason?: { readonly code: string } };
      };
      return { pullMs, failure, outcome: pulled.streamed ? "streamed" : pulled.reason?.code, read, content };
    }

    beforeAll(async () => {
      registry = await TestRegistry.start();
      guarded = await TestRegistry.start({ access: { kind: "token" } });
      node = await KeptNode.create({
        SLUICE_SNAPSHOTTER_ADDRESS: socket,
        SLUICE_BACKGROUND_ENABLED: "false",
        SLUICE_FETCH_DEADLINE: "10s",
      });
      const all = await Promise.all(lines.map((line, at) => prepared(line, at)));
      await node.must("daemon", "start");
      containerd = await RunningContainerd.start(containerdProgram, { address: socket, dataRoot: node.root });
      for (const [at, line] of lines.entries()) {
        const image = all[at];
        if (image) results.set(line.name, run(line, at, image));
      }
      await Promise.allSettled(results.values());
    });
    afterAll(async () => {
      await containerd?.[Symbol.asyncDispose]();
      await node?.[Symbol.asyncDispose]();
      await registry?.close();
      await guarded?.close();
    });

    it.each(lines.map((line) => [line.name, line] as const))(
      "%s: is served all the same, and told",
      async (name, line) => {
        const result = await results.get(name);
        if (!result) throw new Error("each line was run");
        expect(result.failure).toBeUndefined();
        expect(result.pullMs).toBeLessThan(maxPullMs);
        expect(result.outcome).toBe(line.outcome);
        const isRight = typeof result.read === "object" && Buffer.compare(result.read, result.content) === 0;
        expect(line.read?.split(" or ") ?? ["bytes"]).toContainEqual(isRight ? "bytes" : result.read);
      },
    );

    it("has a line in the log, and counts in a metric, for each image that was not streamed", async () => {
      const metrics = await node.client.metrics();
      expect(metrics).toContain('sluice_pulls_total{outcome="streamed"}');
      for (const code of ["NO_ARTIFACT", "UNAUTHORIZED", "UNKNOWN_VERSION", "REGISTRY_UNREACHABLE"]) {
        expect(metrics).toMatch(new RegExp(`sluice_pulls_total\\{outcome="${code}"\\} [1-9]`));
        expect(await readFile(node.paths.log, "utf8")).toMatch(new RegExp(`"outcome":"${code}".*"pulled as usual"`));
      }
    });

    it("says in the log why a read failed", async () => {
      await eventually("it is there", async () => (await node.log()).includes('"msg":"read-failed"'));
    });
  },
);
