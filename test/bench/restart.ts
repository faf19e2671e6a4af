/**
 * A daemon with many images mounted is killed, and later the whole node is; how long nobody is served, without the registry, and what memory it takes:
 *
 *     node test/bench/run.js restart [--images 100] [--runs 5]
 */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { KeptNode, type MountedImage } from "../support/kept-node.js";
import { eventually } from "../support/served-disk.js";

const execute = promisify(execFile);

export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { images: { type: "string", default: "100" }, runs: { type: "string", default: "5" } },
  });
  const node = await KeptNode.create();
  try {
    const mounted = await node.mountMany(Number(values.images));
    await readAll(mounted);
    node.registry.faults.add({ fault: { kind: "reset" } });
    const report = {
      images: mounted.length,
      killed: await killed(node, mounted, Number(values.runs)),
      rebooted: await rebooted(node, mounted),
    };
    process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  } finally {
    await node[Symbol.asyncDispose]();
  }
}

/** The daemon dies, its keeper starts the next one. Milliseconds from the kill. */
async function killed(node: KeptNode, mounted: readonly MountedImage[], runs: number) {
  const lives = [];
  for (let run = 0; run < runs; run++) {
    await writeFile("/proc/sys/vm/drop_caches", "3");
    const { pid } = await node.status();
    const since = performance.now();
    process.kill(pid, "SIGKILL");
    const first = mounted[run % mounted.length];
    const [readMs, verbMs] = await Promise.all([
      readAll(first === undefined ? [] : [first]).then(() => performance.now() - since),
      answering(node, pid).then(() => performance.now() - since),
    ]);
    await readAll(mounted);
    const allReadMs = performance.now() - since;
    const { rssBytes } = await node.status();
    lives.push({ readMs, verbMs, allReadMs, rssBytes });
  }
  const most = await tookOverMs(node);
  return { readsAnsweredOwnMs: most, ...spreads(lives) };
}

/** Nothing is mounted any more and nobody runs; then the daemon is started. Milliseconds from its start. */
async function rebooted(node: KeptNode, mounted: readonly MountedImage[]) {
  await node.killBoth();
  for (const target of Object.keys(await node.mountIds()).reverse()) await execute("umount", ["-l", target]);
  await writeFile("/proc/sys/vm/drop_caches", "3");
  const since = performance.now();
  await node.must("daemon", "start");
  const answeredMs = performance.now() - since;
  const areBack = async (): Promise<boolean> => (await node.client.mounts()).length === mounted.length;
  await eventually("every mount is back", areBack, 120_000);
  const mountedMs = performance.now() - since;
  await readAll(mounted);
  const allReadMs = performance.now() - since;
  const { rssBytes } = await node.status();
  return {
    answeredMs: Math.round(answeredMs),
    mountedMs: Math.round(mountedMs),
    allReadMs: Math.round(allReadMs),
    rssBytes,
  };
}

async function answering(node: KeptNode, before: number): Promise<void> {
  await eventually("another daemon answers", async () => (await node.status()).pid !== before, 60_000);
}

async function readAll(mounted: readonly MountedImage[]): Promise<void> {
  for (const { image, mountpoint } of mounted) {
    for (const name of image.sums.keys()) await readFile(join(mountpoint, name));
  }
}

/** As the daemons say in their log: from the start of each one's process. */
async function tookOverMs(node: KeptNode): Promise<readonly number[]> {
  const lines = (await readFile(node.paths.log, "utf8")).split("\n").filter((line) => line.includes('"took over: '));
  return lines.map((line) => (JSON.parse(line) as { ms: number }).ms); // the daemon's own
}

function spreads(rows: readonly Readonly<Record<string, number>>[]) {
  const names = Object.keys(rows[0] ?? {});
  const entries = names.map((name) => {
    const sorted = rows.map((row) => Math.round(row[name] ?? 0)).sort((a, b) => a - b);
    return [name, { median: sorted[Math.floor(sorted.length / 2)], most: sorted.at(-1) }] as const;
  });
  return Object.fromEntries(entries);
}
