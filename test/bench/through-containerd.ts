/**
 * Holds starts through containerd against what this project wants of them, a row a line: what was measured, what was wanted, ok or missed. The seconds follow.
 *
 *     node test/bench/run.js through-containerd [DIRECTORY] [--images nginx,node,python] [--again]
 *
 * Measures what is not in DIRECTORY (default `.bench`) from this commit, as `all` does. Exits 1 when a line was missed.
 */
import { parseArgs } from "node:util";
import { measureParts } from "./all.js";
import { containerdTables } from "./containerd-tables.js";
import { containerdLines, readThroughContainerd } from "./containerd-targets.js";

export async function main(args: readonly string[]): Promise<void> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      images: { type: "string", default: "nginx,node,python" },
      again: { type: "boolean", default: false },
    },
  });
  const [directory = ".bench"] = positionals;
  const parts = values.images.split(",").map((image) => `containerd-${image}`);
  await measureParts(directory, [...parts, "many-pods"], values.again);
  const figures = await readThroughContainerd(directory);
  console.log(containerdTables(figures));
  if (containerdLines(figures).some(({ isHeld }) => !isHeld)) process.exitCode = 1;
}
