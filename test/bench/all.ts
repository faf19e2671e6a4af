/**
 * Every figure that the documents quote, one part after the other on a machine that should do nothing else. Needs root.
 *
 *     node test/bench/run.js all [DIRECTORY] [--only PART,…] [--again]
 *
 * Writes one JSON file a part into DIRECTORY (default `.bench`), each with commit and machine. A part that is there from this commit is not measured again, so that what was
 * stopped goes on where it was; `--again` does. When all parts are there: docs/benchmarks.md and DIRECTORY/report.html.
 */
import { execFile } from "node:child_process";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { realImage } from "../support/fixture-images.js";
import { readyLines } from "../support/ready-lines.js";
import { rounded, thisMachine } from "./figures.js";
import { readPart } from "./parts.js";

/** A bench with its arguments. */
type Part = readonly [name: string, ...args: string[]];

async function allParts(): Promise<Readonly<Record<string, Part>>> {
  const images = Object.keys(readyLines);
  const starts = images.map((image): [string, Part] => [`start-${image}`, ["start", image]]);
  const pods = images.map((image): [string, Part] => [`containerd-${image}`, ["containerd", image]]);
  return {
    "convert-node": ["convert", await realImage("node"), "latest"],
    "convert-python": ["convert", await realImage("python"), "latest"],
    "fuse-read": ["fuse-read"],
    "chunk-store": ["chunk-store"],
    micro: ["micro"],
    registry: ["registry"],
    "registry-memory": ["registry-memory"],
    "many-pods": ["many-pods"],
    ...Object.fromEntries([...starts, ...pods]),
  };
}

export async function main(args: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { only: { type: "string" }, again: { type: "boolean", default: false } },
  });
  const [directory = ".bench"] = positionals;
  const parts = await allParts();
  await measureParts(directory, values.only?.split(",") ?? Object.keys(parts), values.again);
  const missing = [];
  for (const name of Object.keys(parts)) if (!(await isThere(directory, name))) missing.push(name);
  if (missing.length > 0) console.log(`still to measure: ${missing.join(", ")}`);
  else for (const last of ["tables", "report"]) await run(last, directory);
}

/** Measures those of the parts that are not in the directory from this commit, all of them if `again`. */
export async function measureParts(directory: string, names: readonly string[], again: boolean): Promise<void> {
  await mkdir(directory, { recursive: true });
  const parts = await allParts();
  for (const name of names) {
    const part = parts[name];
    if (part === undefined) throw new Error(`${name}: expected some of the parts ${Object.keys(parts).join(", ")}`);
    if (!again && (await isThere(directory, name))) console.log(`${name}: is there`);
    else await measure(directory, name, part);
  }
}

async function isThere(directory: string, name: string): Promise<boolean> {
  const part = await readPart(directory, name);
  return part?.commit === (await thisMachine()).commit;
}

async function measure(directory: string, name: string, part: Part): Promise<void> {
  const startedAtMs = performance.now();
  const figures = await run(...part);
  const file = join(directory, `${name}.json`);
  await writeFile(`${file}.part`, figures);
  await rename(`${file}.part`, file);
  console.log(`${name}: measured in ${rounded((performance.now() - startedAtMs) / 1000)} s`);
}

async function run(...args: readonly string[]): Promise<string> {
  const script = fileURLToPath(new URL("./run.js", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args], { maxBuffer: 64e6 });
  return stdout;
}
