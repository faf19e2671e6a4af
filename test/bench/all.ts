/**
 * Every figure that the documents quote, one bench after the other on a machine that should do nothing else. Needs root; about half an hour.
 *
 *     node test/bench/run.js all [DIRECTORY]
 *
 * Writes one JSON file a bench into DIRECTORY (default `.bench`), each with commit and machine, and docs/benchmarks.md from them.
 */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { realImage } from "../support/fixture-images.js";

export async function main([directory = ".bench"]: readonly string[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  const benches: Readonly<Record<string, readonly [name: string, ...args: string[]]>> = {
    "convert-node": ["convert", await realImage("node"), "latest"],
    "convert-python": ["convert", await realImage("python"), "latest"],
    "fuse-read": ["fuse-read"],
    "chunk-store": ["chunk-store"],
    "tree-walk": ["tree-walk"],
    micro: ["micro"],
    start: ["start"],
    containerd: ["containerd", "nginx", "python"],
  };
  const script = fileURLToPath(new URL("./run.js", import.meta.url));
  const run = (...args: readonly string[]): Promise<{ readonly stdout: string }> =>
    promisify(execFile)(process.execPath, [script, ...args], { maxBuffer: 64e6 });
  for (const [file, args] of Object.entries(benches)) {
    const { stdout } = await run(...args);
    await writeFile(join(directory, `${file}.json`), stdout);
    console.log(`${file}: ${stdout.replace(/\s+/g, " ").slice(0, 300)}`);
  }
  await run("tables", directory);
}
