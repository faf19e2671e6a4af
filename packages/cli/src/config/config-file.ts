import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Document, isNode, isPair, LineCounter, parseDocument, visit } from "yaml";
import { UsageError } from "../errors.js";
import type { Surroundings } from "../surroundings.js";
import { type ConfigTree, isConfigTree } from "./config-tree.js";
import type { ConfigSchema } from "./schema.js";

/** A configuration that needs more than this was not written by a person. Bytes. */
const largestConfigBytes = 1024 * 1024;

export const systemConfigPath = "/etc/sluice/config.yaml";

/** The file of the current user, whether it exists or not. */
export function userConfigPath(surroundings: Surroundings): string {
  const configHome = surroundings.environment["XDG_CONFIG_HOME"];
  return join(
    configHome?.startsWith("/") ? configHome : join(surroundings.homeFolder, ".config"),
    "sluice/config.yaml",
  );
}

/** A file that was found, and its text. */
export interface FoundConfig {
  readonly path: string;
  readonly text: string;
}

/**
 * The file named on the command line, else the user's, else the system's; undefined when there is none.
 * @throws {UsageError} if the named file is missing, or the file is too large
 */
export async function findConfig(
  named: string | undefined,
  surroundings: Surroundings,
): Promise<FoundConfig | undefined> {
  if (named !== undefined) {
    const path = resolve(surroundings.workingFolder, named);
    const found = await readConfig(path);
    if (found === undefined) throw new UsageError(`--config ${named}: no such file`);
    return found;
  }
  return (await readConfig(userConfigPath(surroundings))) ?? (await readConfig(systemConfigPath));
}

async function readConfig(path: string): Promise<FoundConfig | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
  if (text.length > largestConfigBytes) throw new UsageError(`${path}: larger than ${largestConfigBytes} bytes`);
  return { path, text };
}

/**
 * The tree in `config`, every key known and every value in its range.
 * @throws {UsageError} naming file and line of everything that is wrong
 */
export function parseConfig(config: FoundConfig, schema: ConfigSchema): ConfigTree {
  const lines = new LineCounter();
  const document = parseDocument(config.text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number): string => `${config.path}:${lines.linePos(offset).line}`;
  const [syntax] = document.errors;
  if (syntax !== undefined) throw new UsageError(`${place(syntax.pos[0])}: ${syntax.message}`);
  const tree: unknown = document.toJS({ maxAliasCount: 100 }) ?? {};
  if (!isConfigTree(tree)) throw new UsageError(`${config.path}:1: expected keys and values`);
  const parsed = schema.safeParse(tree);
  if (parsed.success) return tree;
  const problems = parsed.error.issues.flatMap((issue) => {
    const path = issue.path.map(String);
    const wrong = issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...path, key]) : [path];
    const what = issue.code === "unrecognized_keys" ? "unknown key" : issue.message;
    return wrong.map((at) => `${place(offsetOf(document, at))}: ${at.join(".")}: ${what}`);
  });
  throw new UsageError(problems.join("; "));
}

/** Where the key at `path` is written, or the nearest key above it. Offset in characters. */
function offsetOf(document: Document, path: readonly string[]): number {
  let offset = 0;
  let depth = 0;
  visit(document, {
    Pair: (_, pair) => {
      const key = isNode(pair.key) ? String(pair.key) : "";
      if (!isPair(pair) || key !== path[depth]) return visit.SKIP;
      if (isNode(pair.key) && pair.key.range) offset = pair.key.range[0];
      depth++;
      return depth === path.length ? visit.BREAK : undefined;
    },
  });
  return offset;
}
