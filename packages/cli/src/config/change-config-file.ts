import { randomUUID } from "node:crypto";
import { mkdir, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { isMap, parseDocument } from "yaml";
import { UsageError } from "../errors.js";
import { parseConfig } from "./parse-config.js";
import { configSchema, leafPathsOf } from "./schema.js";

/**
 * Sets keys (`store.budget`) in the file at `path`, which is made if it is missing; comments and the order of what is there stay.
 * An empty value removes its key. The file is replaced as a whole or not at all.
 * @returns the keys that were set or removed
 * @throws {UsageError} for an unknown key or a value out of range; the file is then unchanged
 */
export async function changeConfigFile(
  path: string,
  assignments: readonly (readonly [key: string, value: string])[],
): Promise<readonly string[]> {
  const schema = configSchema();
  const known = new Set(leafPathsOf(schema).map((leaf) => leaf.join(".")));
  const before = await textOf(path);
  parseConfig({ path, text: before }, schema);
  const document = parseDocument(before);
  if (!isMap(document.contents)) document.contents = null;
  for (const [key, value] of assignments) {
    if (!known.has(key)) throw new UsageError(`${key}: unknown key; known are ${[...known].join(", ")}`);
    const keys = key.split(".");
    if (value === "") document.deleteIn(keys);
    else document.setIn(keys, scalarOf(value));
  }
  const text = String(document);
  parseConfig({ path, text }, schema);
  await replaceFile(path, text);
  return assignments.map(([key]) => key);
}

const scalarOf = (value: string): unknown => parseDocument(value).toJS() as unknown;

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}

async function replaceFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${randomUUID()}`;
  try {
    const file = await open(temporary, "wx", 0o644);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}
