import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { createInterface } from "node:readline";

const script = (name: string): string => new URL(name, import.meta.url).pathname;

async function python(args: readonly string[], outPath?: string): Promise<void> {
  const child = spawn("python3", [...args], { stdio: ["ignore", "pipe", "pipe"] });
  let complaint = "";
  child.stderr.on("data", (bytes: Buffer) => {
    complaint = (complaint + bytes.toString()).slice(-4000);
  });
  if (outPath === undefined) child.stdout.resume();
  else child.stdout.pipe(createWriteStream(outPath));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`python3 ${args.join(" ")} ended with ${code}: ${complaint}`);
}

/** Unpacks an image with the independent unpacker. */
export const unpackImage = (layout: string, tag: string, dir: string): Promise<void> =>
  python([script("unpack_image.py"), layout, tag, dir]);

/** Writes everything a reader can see of a tree, from another process, as JSON lines; of one in `oneOf` of its paths, of the others only the type. */
export const listTree = (dir: string, outPath: string, oneOf = 1): Promise<void> =>
  python([script("list_tree.py"), dir, "--one-of", String(oneOf)], outPath);

export interface TreeDifference {
  readonly path: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

/** What differs between two listings, at most `limit` of it. `adjust` may take away what is not compared. */
export async function compareTrees(
  expectedPath: string,
  actualPath: string,
  adjust: (row: Record<string, unknown>) => void = () => undefined,
  limit = 10,
): Promise<{ compared: number; differences: TreeDifference[] }> {
  const expected = await rowsOf(expectedPath, adjust);
  const actual = await rowsOf(actualPath, adjust);
  const differences: TreeDifference[] = [];
  for (const path of new Set([...expected.keys(), ...actual.keys()])) {
    if (differences.length >= limit) break;
    if (expected.get(path) !== actual.get(path)) {
      differences.push({ path, expected: expected.get(path), actual: actual.get(path) });
    }
  }
  return { compared: expected.size, differences };
}

async function rowsOf(path: string, adjust: (row: Record<string, unknown>) => void): Promise<Map<string, string>> {
  const rows = new Map<string, string>();
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const row = JSON.parse(line) as Record<string, unknown>; // written by list_tree.py
    adjust(row);
    rows.set(String(row["path"]), JSON.stringify(row));
  }
  return rows;
}
