/**
 * Time to ready of the real images of test/fixtures through containerd: pulled and started in a pod as the kubelet does, with overlayfs and with our snapshotter, beside `sluice run`
 * on the same shaped link. Each start has a containerd and a node of its own, both empty. Needs root, runc and containerd.
 *
 *     node test/bench/run.js containerd [IMAGE …] [--runs N] [--rate 100mbit] [--rtt 20ms] [--containerd PROGRAM]
 *
 * Prints JSON; `targets` holds it against what this project wants.
 */
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { createImageManifest, ImageLayout, maxImageConfigBytes, readBounded, sha256Of } from "@sluice/oci";
import { createSilentLog, Registries } from "@sluice/snapshotter";
import {
  parseRate,
  parseRoundTrip,
  recordImage,
  type Stage,
  type StagedImage,
  setStage,
  spreadOf,
  startStreamed,
} from "sluice/bench";
import { type RealImage, realImage } from "../support/fixture-images.js";
import { KeptNode } from "../support/kept-node.js";
import { Pods } from "../support/pods/pods.js";
import { readyLines } from "../support/ready-lines.js";
import { RunningContainerd } from "../support/running-containerd.js";
import { programEntries, pushSmallImage } from "../support/small-image.js";
import { rounded, thisMachine } from "./figures.js";

/** How a start comes about, and whether with what earlier starts read (`optimize`). */
const modes = {
  overlayfs: { through: "overlayfs", isRecorded: false },
  sluice: { through: "sluice", isRecorded: false },
  run: { through: "run", isRecorded: false },
  "optimized sluice": { through: "sluice", isRecorded: true },
  "optimized run": { through: "run", isRecorded: true },
} as const;
type Way = (typeof modes)[keyof typeof modes]["through"];
/** Logs are looked at so often. Milliseconds. */
const pollMs = 5;
const maxStartMs = 600_000;

export async function main(args: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      runs: { type: "string", default: "1" },
      rate: { type: "string", default: "100mbit" },
      rtt: { type: "string", default: "20ms" },
      containerd: { type: "string", default: "/usr/bin/containerd" },
    },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(readyLines);
  const images: Record<string, unknown> = {};
  for (const name of names) images[name] = await measured(name as RealImage, values); // an unknown name has no recipe, which the recipe says
  const link = { rate: values.rate, rtt: values.rtt };
  console.log(JSON.stringify({ bench: "containerd", ...(await thisMachine()), link, images }, null, 2));
}

async function measured(
  name: RealImage,
  { runs, rate, rtt, containerd }: { runs: string; rate: string; rtt: string; containerd: string },
): Promise<unknown> {
  const work = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  try {
    const layout = join(work, "layout");
    await cp(await realImage(name), layout, { recursive: true });
    await using repository = new ImageLayout(layout);
    const place = { repository, target: "latest", reference: `oci:${layout}:latest` };
    const shape = { bytesPerSecond: parseRate(rate), roundTripMs: parseRoundTrip(rtt) };
    const around = { dir: join(work, "registry"), root: join(work, "cache"), shape, log: createSilentLog() };
    await using stage = await setStage(place, around);
    const condition = { command: [], ready: { kind: "line", text: readyLines[name] }, timeoutMs: maxStartMs } as const;
    const recorded = await recordedOn(stage, condition);
    const twin = await pushTwin(stage);
    const figures: Record<string, Figures> = {};
    for (const [mode, { through, isRecorded }] of Object.entries(modes)) {
      const all: Start[] = [];
      for (let run = 0; run < Number(runs); run++) {
        all.push(await started(through, { image: isRecorded ? recorded : stage.image, twin }, condition, containerd));
      }
      const median = (of: keyof Start): number => rounded(spreadOf(all.map((one) => one[of])).median);
      const around = { "pull s": median("pullSeconds"), "pull of nothing s": median("ownPullSeconds") };
      figures[mode] = { "ready s": median("seconds"), ...(through !== "run" && around) };
    }
    return { image: { sizeBytes: stage.imageBytes }, ...figures };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

type Figures = Readonly<Record<string, number>>;
type Condition = Parameters<typeof startStreamed>[3];

interface Start {
  /** From the pull to the line that says ready. */
  readonly seconds: number;
  /** Of these, until containerd said that the image is there. */
  readonly pullSeconds: number;
  /** Of an image whose layers are all unpacked or streamed already: what the pull takes containerd itself, for it asks nobody for a layer then. */
  readonly ownPullSeconds: number;
}

/** What is started, and the reference of the same layers under another configuration. */
interface Pulled {
  readonly image: StagedImage;
  readonly twin: string;
}

async function pushTwin({ host, repository: name, image, manifest }: Stage): Promise<string> {
  const { repository } = image.direct;
  if (manifest.config === undefined) throw new TypeError(`${image.reference}: no config`);
  const config = await readBounded(repository.readBlob(manifest.config), maxImageConfigBytes, "image config");
  const other = Buffer.from(JSON.stringify({ ...JSON.parse(Buffer.from(config).toString()), author: "twin" }));
  const descriptor = { ...manifest.config, digest: sha256Of(other), size: other.byteLength };
  await repository.pushBlob(descriptor, async function* () {
    yield other;
  });
  await repository.pushManifest(createImageManifest({ config: descriptor, layers: manifest.layers }), { tag: "twin" });
  return `${host}/${name}:twin`;
}

/** The stage's image with a startup blob of recorded starts. */
async function recordedOn(stage: Stage, condition: Condition): Promise<StagedImage> {
  await using node = await KeptNode.create();
  await node.must("daemon", "start");
  return await recordImage(stage, { ...condition, root: node.root, client: node.client });
}

/** One start on an empty node. */
async function started(way: Way, { image, twin }: Pulled, condition: Condition, program: string): Promise<Start> {
  const sockets = await mkdtemp(join(tmpdir(), "sb-"));
  const address = join(sockets, "s");
  await using node = await KeptNode.create({ SLUICE_SNAPSHOTTER_ADDRESS: address });
  try {
    if (way !== "overlayfs") await node.must("daemon", "start");
    if (way === "run") {
      await dropCaches();
      const seconds = await startStreamed(image, node.root, node.client, condition);
      return { seconds, pullSeconds: 0, ownPullSeconds: 0 };
    }
    const sandboxImage = await pushSandbox(node);
    const snapshotter = way === "sluice" ? { address, dataRoot: node.root } : undefined;
    await using containerd = await RunningContainerd.start(program, snapshotter, { sandboxImage });
    const logs = join(node.folder, "logs");
    await mkdir(logs);
    using pods = new Pods(containerd.socket, logs);
    const sandbox = await pods.sandbox();
    await dropCaches();
    const sinceMs = performance.now();
    const secondsSince = (since: number): number => (performance.now() - since) / 1000;
    await pods.pull(image.reference);
    const pullSeconds = secondsSince(sinceMs);
    const pod = await pods.startIn(sandbox, image.reference);
    const line = condition.ready.kind === "line" ? condition.ready.text : "";
    while (!(await pod.log()).includes(line)) {
      if (performance.now() - sinceMs > maxStartMs) throw new Error(`${way}: no ${JSON.stringify(line)} in the log`);
      await sleep(pollMs);
    }
    const seconds = secondsSince(sinceMs);
    const twinSinceMs = performance.now();
    await pods.pull(twin);
    const ownPullSeconds = secondsSince(twinSinceMs);
    await pods.remove(pod);
    return { seconds, pullSeconds, ownPullSeconds };
  } finally {
    await rm(sockets, { recursive: true, force: true });
  }
}

async function dropCaches(): Promise<void> {
  await writeFile("/proc/sys/vm/drop_caches", "3");
}

/** What holds a pod's namespaces, from a registry past the link. */
async function pushSandbox(node: KeptNode): Promise<string> {
  const reference = `${node.registry.host}/sandbox:1`;
  const registries = new Registries();
  const config = { Entrypoint: ["/bin/sleep", "100000"] };
  await pushSmallImage(registries.open({ reference }), "1", {
    layers: [await programEntries("/bin/sh", "/bin/sleep")],
    config,
  });
  await registries.close();
  return reference;
}
