import { open, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FaultyNode } from "./faulty-node.js";

/** What can happen to the files of a chunk store. */
export type Damage = "flip-bits" | "truncate-segment" | "delete-segment" | "delete-index" | "rubbish-in-index";

/** Damages the store of a node; nothing where there is nothing yet. @param random numbers in [0, 1) */
export async function damageStore(node: FaultyNode, damage: Damage, random: () => number): Promise<void> {
  if (damage === "delete-index") return await rm(node.index, { recursive: true, force: true });
  if (damage === "rubbish-in-index") return await rubbish(node.index, random);
  // The youngest is being appended to: whoever cuts that one off under a writer gets what he asked for.
  const segments = (await node.segments()).slice(0, -1);
  const segment = segments[Math.floor(random() * segments.length)];
  if (segment === undefined) return;
  if (damage === "delete-segment") await rm(segment, { force: true });
  else if (damage === "truncate-segment") await truncate(segment, Math.floor((await sizeOf(segment)) * random()));
  else await flipBits(segment, random);
}

const sizeOf = async (path: string): Promise<number> => (await stat(path)).size;

/** Of 20 bytes all over the file. */
async function flipBits(path: string, random: () => number): Promise<void> {
  const size = await sizeOf(path);
  const file = await open(path, "r+");
  try {
    for (let i = 0; i < 20; i++) {
      const at = Math.floor(random() * size);
      const byte = Buffer.alloc(1);
      await file.read(byte, 0, 1, at);
      byte[0] = (byte[0] ?? 0) ^ (1 << Math.floor(random() * 8));
      await file.write(byte, 0, 1, at);
    }
  } finally {
    await file.close();
  }
}

/** In one file of the database, whichever: CURRENT, a manifest, a log, a table. */
async function rubbish(index: string, random: () => number): Promise<void> {
  const names = (await readdir(index).catch(() => [])).filter((name) => !/^LO(CK|G)/.test(name)).sort();
  const name = names[Math.floor(random() * names.length)];
  if (name === undefined) return;
  const path = join(index, name);
  const size = await sizeOf(path).catch(() => 0);
  const file = await open(path, "r+").catch(() => undefined);
  if (file === undefined) return await writeFile(path, "rubbish");
  try {
    await file.write(Buffer.alloc(64, 0xa5), 0, 64, Math.floor(Math.max(0, size - 64) * random()));
  } finally {
    await file.close();
  }
}
