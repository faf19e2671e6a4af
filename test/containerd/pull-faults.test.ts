import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { convertImage } from "@sluice/converter";
import { createImageManifest, descriptorOfManifest, type ImageManifest } from "@sluice/oci";
import { missingPrograms, TestRegistry, toolsFolder } from "@sluice/oci/testing";
import { Registries } from "@sluice/snapshotter";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { KeptNode } from "../support/kept-node.js";
import { RunningContainerd } from "../support/running-containerd.js";
import { eventually } from "../support/served-disk.js";
import { pushSmallImage } from "../support/small-image.js";
import { type Line, lines, referrers } from "./pull-fault-lines.js";

// Each line is an image of its own, with its fault; many are pulled at once by one containerd. Whatever a registry does, the pull succeeds, and nobody reads wrong bytes.

const newer = join(toolsFolder, "containerd2/bin/containerd");
const containerdProgram = existsSync(newer) ? newer : "/usr/bin/containerd";
const missing = existsSync(newer) ? "" : missingPrograms({ containerd: "containerd" });
const execute = promisify(execFile);
const socket = join(tmpdir(), `sluice-faults-${process.pid}`, "s.sock");
/** More would wait for the two processors of a test machine, and not for a registry. */
const linesAtOnce = 20;
/** Three limits of five seconds, on a machine that is busy with all lines at once. Milliseconds. */
const maxPullMs = 30_000;

type Stored = ReturnType<TestRegistry["store"]["repository"]>;

/** Puts another artifact in the place of the one that was made. */
function changed(store: Stored, made: ImageManifest, change: NonNullable<Line["change"]>): ImageManifest {
  const source = [...store.manifests.values()].find(({ digest }) => digest === made.subject?.digest);
  if (!source) throw new Error("the artifact has a subject");
  const { artifactType, annotations, config, layers } = made;
  const artifact = createImageManifest({
    ...{ artifactType, annotations, config: config ?? layers[0], layers, subject: descriptorOfManifest(source) },
    ...change(made),
  } as Parameters<typeof createImageManifest>[0]);
  store.deleteManifest(made.digest);
  store.manifests.set(artifact.digest, artifact);
  return artifact;
}

function fill(copy: Stored, from: Stored): void {
  for (const [digest, bytes] of from.blobs) copy.blobs.set(digest, bytes);
  for (const [digest, manifest] of from.manifests) copy.manifests.set(digest, manifest);
  for (const [tag, digest] of from.tags) copy.tags.set(tag, digest);
}

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

    /** By the place of the line: a registry of its own, and the mirror before it. One mirror that is left alone for a while must not hide another. */
    const mirrored = new Map<number, readonly [registry: TestRegistry, mirror: TestRegistry]>();

    async function prepared(line: Line, at: number) {
      const [own, mirror] = mirrored.get(at) ?? [line.fault?.kind === "expire" ? guarded : registry];
      const { host, store: stored } = own;
      const { faults } = mirror ?? own;
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
      const artifact = line.change ? changed(store, made, line.change) : made;
      if (mirror) fill(mirror.store.repository(`line${at}`), store);
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
      for (const [at, { ofMirror }] of lines.entries()) {
        if (ofMirror) mirrored.set(at, [await TestRegistry.start(), await TestRegistry.start()]);
      }
      const all = await Promise.all(lines.map((line, at) => prepared(line, at)));
      const config = join(node.folder, "config.yaml");
      const mirrors = [...mirrored.values()].map(([own, mirror]) => [own.host, [`http://${mirror.host}`]]);
      await writeFile(config, JSON.stringify({ mirrors: Object.fromEntries(mirrors) })); // JSON is YAML, too
      await node.must("--config", config, "daemon", "start");
      containerd = await RunningContainerd.start(containerdProgram, { address: socket, dataRoot: node.root });
      for (let from = 0; from < lines.length; from += linesAtOnce) {
        for (const [i, line] of lines.slice(from, from + linesAtOnce).entries()) {
          const image = all[from + i];
          if (image) results.set(line.name, run(line, from + i, image));
        }
        await Promise.allSettled(results.values());
      }
    });
    afterAll(async () => {
      await containerd?.[Symbol.asyncDispose]();
      await node?.[Symbol.asyncDispose]();
      await registry?.close();
      await guarded?.close();
      for (const pair of mirrored.values()) for (const each of pair) await each.close();
    });

    it.each(lines.map((line) => [line.name, line] as const))(
      "%s: is served all the same, and told",
      async (name, line) => {
        const result = await results.get(name);
        if (!result) throw new Error("each line was run");
        expect(result.failure).toBeUndefined();
        expect(result.pullMs).toBeLessThan(maxPullMs);
        expect(line.outcome.split(" or ")).toContain(result.outcome);
        const isRight = typeof result.read === "object" && Buffer.compare(result.read, result.content) === 0;
        expect(line.read?.split(" or ") ?? ["bytes"]).toContainEqual(isRight ? "bytes" : result.read);
      },
    );

    it("was asked of each mirror first", () => {
      for (const [, mirror] of mirrored.values()) expect(mirror.faults.served).toBeGreaterThan(0);
    });

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
