/**
 * Every figure that the documents quote, one bench after the other on a machine that should do nothing else. Needs root; about ten minutes.
 *
 *     node test/bench/run.js all [DIRECTORY]
 *
 * Writes one JSON file a bench into DIRECTORY (default `.bench`), each with commit and machine.
 */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { realImage } from "../support/fixture-images.js";

export async function main([directory = ".bench"]: readonly string[]): Promise<void> {
  await mkdir(directory, { recursive: true });
  const node = await realImage("node");
  const benches: readonly (readonly [name: string, ...args: string[]])[] = [
    ["convert", node, "latest"],
    ["fuse-read"],
    ["chunk-store"],
    ["tree-walk"],
    ["start"],
  ];
  const script = fileURLToPath(new URL("./run.js", import.meta.url));
  for (const [name, ...args] of benches) {
    const { stdout } = await promisify(execFile)(process.execPath, [script, name, ...args], { maxBuffer: 16e6 });
    await writeFile(join(directory, `${name}.json`), stdout);
    console.log(`${name}: ${stdout.replace(/\s+/g, " ").slice(0, 300)}`);
  }
}
