/**
 * How much of what a start reads the static prediction holds, and how much it holds that no start reads. Needs root.
 *
 *     node test/bench/run.js prediction [IMAGE …]
 *
 * The image is unpacked into a file system of its own and started there twice until it is ready, from an empty page cache: once without read-ahead, which
 * shows the pages that the programs touch, once with the kernel's 128 KiB, which shows those that a mount is asked for. Prints JSON.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { predictStartup } from "@sluice/converter";
import type { DiskRun } from "@sluice/disk";
import { type ImageConfig, parseImageConfig } from "@sluice/oci";
import { type RealImage, realImage } from "../support/fixture-images.js";
import { readyLines } from "../support/ready-lines.js";
import { type UnpackedTree, unpackedTree } from "../support/unpacked-tree.js";
import { rounded, thisMachine } from "./figures.js";

const run = promisify(execFile);
const support = (name: string): string => new URL(`../support/${name}`, import.meta.url).pathname;
const kernelReadAheadKiB = 128;

/** Pages of files, as `path:page`. */
type Pages = ReadonlySet<string>;

export async function main(names: readonly string[]): Promise<void> {
  const images: Record<string, unknown> = {};
  for (const name of names.length > 0 ? names : Object.keys(readyLines)) {
    images[name] = await measured(name as RealImage); // an unknown name has no recipe, which the recipe says
  }
  console.log(JSON.stringify({ bench: "prediction", ...(await thisMachine()), images }, null, 2));
}

async function measured(name: RealImage): Promise<unknown> {
  const work = await mkdtemp(join(tmpdir(), "sluice-prediction-"));
  const disk = join(work, "disk");
  const root = join(disk, "root");
  await mkdir(disk);
  await run("truncate", ["--size", "8G", join(work, "disk.img")]);
  await run("mkfs.ext4", ["-q", "-F", "-E", "lazy_itable_init=1,nodiscard", join(work, "disk.img")]);
  await run("mount", ["-o", "loop,noatime", join(work, "disk.img"), disk]);
  try {
    const layout = await realImage(name);
    await run("python3", [support("unpack_image.py"), layout, "latest", root]);
    const config = await writeConfig(layout, join(work, "config.json"));
    const touched = await pagesOfStart(work, readyLines[name], 0);
    const asked = new Set([...(await pagesOfStart(work, readyLines[name], kernelReadAheadKiB)), ...touched]);
    return await compared(unpackedTree(root), config, touched, asked);
  } finally {
    await run("umount", ["--lazy", disk]);
    await rm(work, { recursive: true, force: true });
  }
}

/** What a start reads from an empty page cache. */
async function pagesOfStart(work: string, readyLine: string, readAheadKiB: number): Promise<Pages> {
  const disk = join(work, "disk");
  const { stdout: device } = await run("mountpoint", ["--fs-devno", disk]);
  await writeFile(`/sys/class/bdi/${device.trim()}/read_ahead_kb`, String(readAheadKiB));
  const over = await mkdtemp(join(work, "over-"));
  for (const part of ["upper", "work", "root"]) await mkdir(join(over, part));
  await run("sync", ["--file-system", disk]);
  await run("python3", [support("resident_pages.py"), "drop", disk]);
  const layers = `lowerdir=${disk}/root,upperdir=${over}/upper,workdir=${over}/work`;
  await run("mount", ["-t", "overlay", "overlay", "-o", layers, join(over, "root")]);
  try {
    const start = [support("start_in_tree.py"), join(over, "root"), join(work, "config.json"), readyLine];
    await run("python3", start, { maxBuffer: 64e6 });
  } finally {
    await run("umount", ["--lazy", join(over, "root")]);
  }
  const { stdout } = await run("python3", [support("resident_pages.py"), "list", `${disk}/root`], { maxBuffer: 256e6 });
  return pagesOfLines(stdout);
}

function pagesOfLines(lines: string): Pages {
  const pages = new Set<string>();
  for (const line of lines.trim().split("\n")) {
    const [path, runs] = JSON.parse(line) as [string, [number, number][]]; // what resident_pages.py prints
    for (const [first, count] of runs)
      for (let page = first; page < first + count; page++) pages.add(`${path}:${page}`);
  }
  return pages;
}

async function compared(unpacked: UnpackedTree, config: ImageConfig, touched: Pages, asked: Pages): Promise<unknown> {
  const { tree, read } = unpacked;
  const cpu = process.cpuUsage();
  const runs = await predictStartup({ tree, config, layerStartBlocks: [0], read });
  const { user, system } = process.cpuUsage(cpu);
  const predicted = pagesOfRuns(runs, unpacked);
  const share = (pages: Pages, of: Pages): number =>
    rounded([...pages].filter((page) => of.has(page)).length / pages.size);
  return {
    "touched MB": megabytes(touched),
    "asked for MB": megabytes(asked),
    "predicted MB": megabytes(predicted),
    "recall of touched": share(touched, predicted),
    "recall of asked for": share(asked, predicted),
    "predicted, never asked for ÷ asked for": rounded(((1 - share(predicted, asked)) * predicted.size) / asked.size),
    "cpu seconds": rounded((user + system) / 1e6),
  };
}

function pagesOfRuns(runs: readonly DiskRun[], { tree, pathOf }: UnpackedTree): Pages {
  const owner = new Map<number, string>();
  for (let inode = 0; inode < tree.inodeCount; inode++) {
    const blocks =
      tree.layer[inode] === 0 && tree.type[inode] === 1 ? Math.ceil((tree.sizeBytes[inode] ?? 0) / 4096) : 0;
    for (let page = 0; page < blocks; page++)
      owner.set((tree.startBlock[inode] ?? 0) + page, `${pathOf(inode)}:${page}`);
  }
  const blocks = runs.flatMap(({ startBlock, blocks: count }) =>
    Array.from({ length: count }, (_, i) => startBlock + i),
  );
  return new Set(blocks.map((block) => owner.get(block) ?? `block ${block} of nothing`));
}

const megabytes = (pages: Pages): number => rounded((pages.size * 4096) / 1e6);

/** The image's configuration, in a file as well. */
async function writeConfig(layout: string, path: string): Promise<ImageConfig> {
  const json = async (file: string): Promise<Record<string, unknown>> => JSON.parse(await readFile(file, "utf8"));
  const blob = (digest: string): string => join(layout, "blobs", ...digest.split(":"));
  const manifests = (await json(join(layout, "index.json")))["manifests"] as {
    digest: string;
    annotations: Record<string, string>;
  }[]; // as the recipe writes it
  const latest = manifests.find(({ annotations }) => annotations["org.opencontainers.image.ref.name"] === "latest");
  const { digest } = (await json(blob(latest?.digest ?? "")))["config"] as { digest: string }; // a manifest has one
  const bytes = await readFile(blob(digest));
  await writeFile(path, bytes);
  return parseImageConfig(bytes, digest);
}
