/**
 * A cold `find` with stat over a mounted image whose chunks are all in the store, beside the same tree unpacked on the disk. Needs root.
 *
 *     node test/bench/run.js tree-walk [LAYOUT TAG] [--runs N]
 *
 * Without a layout: the Node image of test/fixtures, over 80,000 files. The page cache is dropped before each walk, the two in turn. Prints JSON.
 */
import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, promisify } from "node:util";
import { realImage } from "../support/fixture-images.js";
import { sluiceJson } from "../support/sluice.js";
import { unpackImage } from "../support/tree.js";
import { median, rounded, thisMachine } from "./figures.js";

const run = promisify(execFile);

export async function main(args: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { runs: { type: "string" } },
  });
  const [layout = await realImage("node"), tag = "latest"] = positionals;
  const work = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  const root = join(work, "root");
  try {
    const [copy, unpacked, mounted] = ["layout", "unpacked", "mounted"].map((name) => join(work, name)) as [
      string,
      string,
      string,
    ]; // three names
    await cp(layout, copy, { recursive: true });
    await mkdir(mounted);
    await unpackImage(copy, tag, unpacked);
    await sluiceJson(["convert", `oci:${copy}:${tag}`, "--root", root]);
    await sluiceJson(["mount", `oci:${copy}:${tag}`, mounted, "--driver", "erofs", "--root", root]);
    await walk(mounted); // brings the metadata into the store
    const seconds = { mounted: [] as number[], unpacked: [] as number[] };
    let entries = 0;
    for (let i = 0; i < Number(values.runs ?? 5); i++) {
      seconds.unpacked.push((await coldWalk(unpacked)).seconds);
      const of = await coldWalk(mounted);
      seconds.mounted.push(of.seconds);
      entries = of.entries;
    }
    const [ours, theirs] = [median(seconds.mounted), median(seconds.unpacked)];
    const result = {
      entries,
      "mounted s": rounded(ours),
      "unpacked s": rounded(theirs),
      "unpacked ÷ mounted": rounded(theirs / ours),
    };
    console.log(JSON.stringify({ bench: "tree-walk", ...(await thisMachine()), ...result }, null, 2));
  } finally {
    await sluiceJson(["daemon", "stop", "--detach", "--root", root]).catch(() => undefined); // none was started when it failed before
    await rm(work, { recursive: true, force: true });
  }
}

async function coldWalk(tree: string): Promise<{ readonly seconds: number; readonly entries: number }> {
  await run("sync");
  await writeFile("/proc/sys/vm/drop_caches", "3");
  const startedAtMs = performance.now();
  const entries = await walk(tree);
  return { seconds: (performance.now() - startedAtMs) / 1000, entries };
}

/** @returns how many entries; `find` stats each of them to print its size */
async function walk(tree: string): Promise<number> {
  const { stdout } = await run("sh", ["-c", 'find "$1" -xdev -printf "%s\\n" | wc -l', "sh", tree]);
  return Number(stdout);
}
