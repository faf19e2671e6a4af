import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { CheckingReaders } from "../support/checking-readers.js";
import { KeptNode } from "../support/kept-node.js";

/** What is told of the daemon's log when the run itself fails: some tens of lines. */
const logEndCharacters = 10_000;

/** For the next daemon. Where others want the processors, too, it comes late, which is told and is no failure. Milliseconds. */
const patienceMs = 300_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Kills the daemon at random moments under eight readers that check every byte, and prints what they and the mount table say of it as JSON.
 *
 *     node test/bench/run.js kills [--count 100] [--images 1]
 *
 * SIGINT ends it early, with what there is by then. `--images`: how many images are mounted beside, each with a disk that must be taken over.
 */
export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { count: { type: "string", default: "100" }, images: { type: "string", default: "0" } },
  });
  await using node = await KeptNode.create();
  try {
    await measure(node, Number(values.count), Number(values.images));
  } catch (error) {
    process.stderr.write(`${(await node.log()).slice(-logEndCharacters)}\n`);
    throw error;
  }
}

async function measure(node: KeptNode, kills: number, images: number): Promise<void> {
  const image = await node.makeImage("app", 12, 600_000);
  const mountpoint = await node.mount(image, "mnt");
  for (let i = 0; i < images; i++) {
    await node.mount(await node.makeImage(`image${i}`, 2, 4096), `mnt${i}`);
  }
  const before = await node.mountIds();
  const reading = await CheckingReaders.start(8, mountpoint, image.sums, {
    disks: node.paths.session,
    scratch: node.folder,
  });
  const answeredMs: number[] = [];
  let isInterrupted = false;
  process.once("SIGINT", () => {
    isInterrupted = true;
  });
  try {
    for (let kill = 0; kill < kills && !isInterrupted; kill++) {
      await pause(Math.random() * 1000);
      answeredMs.push(await node.killDaemon(patienceMs));
    }
  } finally {
    await reading.stop();
  }
  const { keeper, rssBytes } = await node.status();
  const { passes, complaints } = await reading.stop();
  const after = await node.mountIds();
  const report = {
    kills: answeredMs.length,
    mounts: Object.keys(before).length,
    lostOrRemounted: Object.keys(before).filter((target) => after[target] !== before[target]),
    passes,
    complaints,
    takeOvers: keeper?.takeOvers,
    rssBytes,
    readsAnsweredMs: spread(await readsAnsweredMs(node)),
    verbsAnsweredMs: spread(answeredMs),
  };
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  process.exitCode = complaints.length === 0 && report.lostOrRemounted.length === 0 ? 0 : 1;
}

/** From the start of each next daemon's process until it answered reads, as it says in its log. */
async function readsAnsweredMs(node: KeptNode): Promise<number[]> {
  const lines = (await readFile(node.paths.log, "utf8")).split("\n").filter((line) => line.includes('"took over: '));
  return lines.map((line) => (JSON.parse(line) as { ms: number }).ms); // the daemon's own
}

function spread(values: readonly number[]): { readonly median: number; readonly most: number } {
  const sorted = values.toSorted((a, b) => a - b).map(Math.round);
  return { median: sorted[Math.floor(sorted.length / 2)] ?? 0, most: sorted.at(-1) ?? 0 };
}
