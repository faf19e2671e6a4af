/**
 * How fast an image is converted, and in how much memory.
 *
 *     node test/bench/run.js convert [LAYOUT TAG] [--runs N]
 *
 * Without a layout it makes an image from what is here anyway: the running Node and the packages of this checkout. Each run is a process of its own
 * that forces a conversion of every layer, so that its peak memory is that of a conversion. Prints JSON.
 */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { ImageLayout } from "@sluice/oci";
import { pushImage } from "../support/pushed-image.js";
import { thisMachine } from "./figures.js";

const run = promisify(execFile);
const checkout = fileURLToPath(new URL("../..", import.meta.url));

interface Run {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakRssBytes: number;
  readonly uncompressedBytes: number;
  readonly sourceBytes: number;
  readonly artifactBytes: number;
}

export async function main(args: readonly string[]): Promise<void> {
  const options = { runs: { type: "string" } } as const;
  const { positionals, values } = parseArgs({ args: [...args], allowPositionals: true, options });
  const [layout, tag] = positionals;
  const scratch = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  try {
    const source =
      layout !== undefined && tag !== undefined
        ? { layout: await copied(layout, scratch), tag }
        : await madeImage(scratch);
    const runs: Run[] = [];
    for (let i = 0; i < Number(values.runs ?? 3); i++)
      runs.push(await inOwnProcess(source.layout, source.tag, scratch));
    console.log(JSON.stringify({ bench: "convert", ...(await thisMachine()), ...summary(runs), runs }, null, 2));
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function inOwnProcess(layout: string, tag: string, scratch: string): Promise<Run> {
  const directory = await mkdtemp(join(scratch, "run-"));
  const script = fileURLToPath(new URL("./convert-once.js", import.meta.url));
  const { stdout } = await run(process.execPath, [script, layout, tag, directory], { cwd: checkout });
  await rm(directory, { recursive: true, force: true });
  return JSON.parse(stdout) as Run; // printed by convert-once.js
}

function summary(runs: readonly Run[]): Record<string, number> {
  const median = (of: (run: Run) => number): number => runs.map(of).sort((a, b) => a - b)[runs.length >> 1] ?? 0;
  return {
    "MB/s of uncompressed bytes, median": round(median((r) => r.uncompressedBytes / r.seconds / 1e6)),
    "CPU s per GB, median": round(median((r) => r.cpuSeconds / (r.uncompressedBytes / 1e9))),
    "peak RSS MB, median": round(median((r) => r.peakRssBytes / 1e6)),
    "artifact ÷ source, compressed": Math.round(median((r) => r.artifactBytes / r.sourceBytes) * 1000) / 1000,
  };
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** The artifact goes into a copy: an image that others use stays as it is. */
async function copied(layout: string, scratch: string): Promise<string> {
  const copy = join(scratch, "layout");
  await cp(layout, copy, { recursive: true });
  return copy;
}

/** Two layers: Node itself with its headers and npm, and the packages of the checkout. */
async function madeImage(scratch: string): Promise<{ readonly layout: string; readonly tag: string }> {
  const layout = join(scratch, "image");
  const node = await tarOfDirectory(dirname(process.execPath), [
    process.execPath.slice(dirname(process.execPath).length + 1),
  ]);
  const packages = await tarOfDirectory(checkout, ["node_modules"]);
  await pushImage(new ImageLayout(layout), [node, packages], { tag: "made" });
  return { layout, tag: "made" };
}

/** Made by tar, in an order and with times that do not change while the tree does not. */
async function tarOfDirectory(directory: string, names: readonly string[]): Promise<Buffer> {
  const args = ["--sort=name", "--numeric-owner", "--owner=0", "--group=0", "-cf", "-", "-C", directory, ...names];
  const tar = spawn("tar", args, { stdio: ["ignore", "pipe", "inherit"] });
  const parts: Buffer[] = [];
  for await (const part of tar.stdout) parts.push(part as Buffer);
  if (tar.exitCode === null) await once(tar, "exit");
  return Buffer.concat(parts);
}
