import { z } from "zod";
import { readFileIfPresent, writeWholeFile } from "../state/whole-file.js";

/** A pool of nodes, in the words of the service that nodes come from. */
export interface NodePool {
  readonly name: string;
  readonly artifactStreamingProfile: { readonly enabled: boolean };
}

/** The file of pools, or what was asked of it, is not right. */
export class NodePoolError extends Error {
  override readonly name = "NodePoolError";
  readonly code: "NODE_POOL_FILE" | "NODE_POOL_NOT_FOUND" | "NODE_POOL_EXISTS";
  constructor(code: NodePoolError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A thousand pools. Bytes. */
const maxFileBytes = 1024 * 1024;
const usualMode = 0o644;

const nameSchema = z
  .string()
  .regex(/^[a-zA-Z0-9]([a-zA-Z0-9._-]{0,62})$/, "expected up to 63 letters, digits and . _ -");
const fileSchema = z.strictObject({
  pools: z
    .record(nameSchema, z.strictObject({ artifactStreamingProfile: z.strictObject({ enabled: z.boolean() }) }))
    .nullish(),
});

/** The pools of a file, by name; none when there is no file. @throws {NodePoolError} NODE_POOL_FILE */
export async function readPools(path: string): Promise<readonly NodePool[]> {
  return await poolsIn(await textOf(path), path);
}

/** @throws {NodePoolError} NODE_POOL_NOT_FOUND */
export async function readPool(path: string, name: string): Promise<NodePool> {
  const pools = await readPools(path);
  const pool = pools.find((one) => one.name === name);
  if (pool !== undefined) return pool;
  const known = pools.length === 0 ? "it has none" : `it has ${pools.map((one) => one.name).join(", ")}`;
  const cure = `add it with \`sluice node-pool add ${name} --enable-streaming true\``;
  throw new NodePoolError("NODE_POOL_NOT_FOUND", `${path}: no node pool ${JSON.stringify(name)}, ${known}; ${cure}`);
}

/**
 * Sets a pool's profile; comments and everything else in the file stay. The file is replaced as a whole.
 *
 * @param how `add` makes a pool that must not be there, `update` changes one that must
 * @throws {NodePoolError}
 */
export async function writePool(path: string, pool: NodePool, how: "add" | "update"): Promise<void> {
  const text = await textOf(path);
  const isThere = (await poolsIn(text, path)).some(({ name }) => name === pool.name);
  if (how === "update" && !isThere) await readPool(path, pool.name);
  if (how === "add" && isThere) {
    throw new NodePoolError(
      "NODE_POOL_EXISTS",
      `${path}: node pool ${pool.name} is there already; change it with node-pool update`,
    );
  }
  const { isMap, parseDocument } = await loadYaml();
  const document = parseDocument(text);
  if (!isMap(document.contents)) document.contents = null;
  document.setIn(["pools", pool.name, "artifactStreamingProfile", "enabled"], pool.artifactStreamingProfile.enabled);
  const after = String(document);
  await poolsIn(after, path); // a name that is none
  await writeWholeFile(path, after, usualMode);
}

async function textOf(path: string): Promise<string> {
  return (await readFileIfPresent(path, maxFileBytes))?.toString("utf8") ?? "";
}

/** Most nodes belong to no pool, and a daemon that takes over answers reads first. */
const loadYaml = () => import("yaml");

async function poolsIn(text: string, path: string): Promise<readonly NodePool[]> {
  const { parseDocument } = await loadYaml();
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) throw new NodePoolError("NODE_POOL_FILE", `${path}: ${problem.message.split("\n")[0]}`);
  const parsed = fileSchema.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new NodePoolError("NODE_POOL_FILE", `${path}: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  return Object.entries(parsed.data.pools ?? {}).map(([name, profile]) => ({ name, ...profile }));
}
