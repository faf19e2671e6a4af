import { execFile } from "node:child_process";
import { link, mkdir, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A file that no plain header can name. */
export const deepPath: string = `deep/${"directory-with-a-long-name/".repeat(8)}${"f".repeat(200)}`;

/** A tree with what tars differ in: long names, a hard link, a long symlink, a time before 1970, a sparse file of 3 MB. */
export async function makeTree(tree: string, plainBytes: number): Promise<void> {
  await mkdir(join(tree, deepPath, ".."), { recursive: true });
  await writeFile(join(tree, deepPath), "deep content");
  await writeFile(join(tree, "plain"), "p".repeat(plainBytes));
  await link(join(tree, "plain"), join(tree, "deep/hard"));
  await symlink("x".repeat(150), join(tree, "soft"));
  await writeFile(join(tree, "ünïcode"), "");
  await utimes(join(tree, "ünïcode"), new Date(0), new Date(-86_400_000));
  await writeFile(join(tree, "sparse"), "head");
  await truncate(join(tree, "sparse"), 3_000_000);
}

/** Runs a tar program over the tree and gives back its archive. */
export async function archive(tree: string, program: string, args: readonly string[]): Promise<Buffer> {
  const { stdout } = await run(program, [...args, "-C", tree, "."], { encoding: "buffer", maxBuffer: 1 << 28 });
  return stdout;
}
