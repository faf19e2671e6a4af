/**
 * Time to ready of the real images of test/fixtures through containerd: pulled and started in a pod as the kubelet does, with overlayfs and with our snapshotter, beside `sluice run`
 * on the same shaped link. Each start has a containerd and a node of its own, both empty. Needs root, runc and containerd.
 *
 *     node test/bench/run.js containerd [IMAGE …] [--runs N] [--rate 100mbit] [--rtt 20ms] [--containerd PROGRAM …]
 *
 * Prints JSON; `through-containerd` runs it and holds it against what this project wants.
 */
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createImageManifest, ImageLayout, maxImageConfigBytes, readBounded, sha256Of } from "@sluice/oci";
import { createSilentLog } from "@sluice/snapshotter";
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
import { readyLines } from "../support/ready-lines.js";
import {
  containerdPrograms,
  containerdVersion,
  dropCaches,
  hasSaid,
  maxStartMs,
  onContainerd,
  secondsSince,
} from "./containerd-node.js";
import { rounded, thisMachine } from "./figures.js";

/** Which snapshotter starts what, and whether with what earlier starts read (`optimize`). */
const modes = {
  overlayfs: { snapshotter: "overlayfs", isRecorded: false },
  sluice: { snapshotter: "sluice", isRecorded: false },
  "optimized sluice": { snapshotter: "sluice", isRecorded: true },
} as const;

interface Settings {
  readonly runs: number;
  readonly rate: string;
  readonly rtt: string;
  readonly programs: readonly string[];
}

export async function main(args: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      runs: { type: "string", default: "1" },
      rate: { type: "string", default: "100mbit" },
      rtt: { type: "string", default: "20ms" },
      containerd: { type: "string", multiple: true },
    },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(readyLines);
  const { rate, rtt } = values;
  const settings = { runs: Number(values.runs), rate, rtt, programs: values.containerd ?? containerdPrograms() };
  const images: Record<string, unknown> = {};
  for (const name of names) images[name] = await measured(name as RealImage, settings); // an unknown name has no recipe, which the recipe says
  console.log(JSON.stringify({ bench: "containerd", ...(await thisMachine()), link: { rate, rtt }, images }, null, 2));
}

async function measured(name: RealImage, { runs, rate, rtt, programs }: Settings): Promise<unknown> {
  const work = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  try {
    const layout = join(work, "layout");
    await cp(await realImage(name), layout, { recursive: true });
    await using repository = new ImageLayout(layout);
    const place = { repository, target: "latest", reference: `oci:${layout}:latest` };
    const shape = { bytesPerSecond: parseRate(rate), roundTripMs: parseRoundTrip(rtt) };
    const around = { dir: join(work, "registry"), root: join(work, "cache"), shape, log: createSilentLog() };
    await using stage = await setStage(place, around);
    const line = readyLines[name];
    const recorded = await recordedOn(stage, conditionOf(line));
    const twin = await pushTwin(stage);
    console.error(`${name}: staged`);
    const run = await several(runs, () => runOf(stage.image, line));
    const optimizedRun = await several(runs, () => runOf(recorded, line));
    const through: Record<string, Readonly<Record<string, Figures>>> = {};
    for (const program of programs) {
      const figures: Record<string, Figures> = {};
      for (const [mode, { snapshotter, isRecorded }] of Object.entries(modes)) {
        const { reference } = isRecorded ? recorded : stage.image;
        const start = () => onContainerd(program, snapshotter, (pods) => started(pods, { reference, twin, line }));
        figures[mode] = await several(runs, start);
      }
      through[await containerdVersion(program)] = figures;
    }
    return { image: { sizeBytes: stage.imageBytes }, run, "optimized run": optimizedRun, through };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

type Figures = Readonly<Record<string, number>>;
type Condition = Parameters<typeof startStreamed>[3];

const conditionOf = (line: string): Condition => ({
  ...{ command: [], ready: { kind: "line", text: line }, timeoutMs: maxStartMs },
});

/** Medians. */
async function several(runs: number, start: () => Promise<Figures>): Promise<Figures> {
  const all: Figures[] = [];
  for (let run = 0; run < runs; run++) all.push(await start());
  const names = Object.keys(all[0] ?? {});
  return Object.fromEntries(
    names.map((name) => [name, rounded(spreadOf(all.map((one) => one[name] ?? Number.NaN)).median)]),
  );
}

/** The same layers under another configuration. @returns its reference */
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

/** By `sluice run`, on an empty node. */
async function runOf(image: StagedImage, line: string): Promise<Figures> {
  await using node = await KeptNode.create();
  await node.must("daemon", "start");
  await dropCaches();
  return { "ready s": await startStreamed(image, node.root, node.client, conditionOf(line)) };
}

/** `twin` is of layers that are unpacked or streamed by then: what its pull takes is containerd's own, for it asks nobody for a layer. */
async function started(
  pods: Parameters<Parameters<typeof onContainerd>[2]>[0],
  { reference, twin, line }: { readonly reference: string; readonly twin: string; readonly line: string },
): Promise<Figures> {
  const sandbox = await pods.sandbox();
  await dropCaches();
  const sinceMs = performance.now();
  await pods.pull(reference);
  const pullSeconds = secondsSince(sinceMs);
  const pod = await pods.startIn(sandbox, reference);
  await hasSaid(pod, line);
  const seconds = secondsSince(sinceMs);
  const twinSinceMs = performance.now();
  await pods.pull(twin);
  const ownPullSeconds = secondsSince(twinSinceMs);
  await pods.remove(pod);
  return { "ready s": seconds, "pull s": pullSeconds, "pull of nothing s": ownPullSeconds };
}
