import { type Document, isNode, isPair, LineCounter, parseDocument, visit } from "yaml";
import { UsageError } from "../errors.js";
import type { FoundConfig } from "./config-file.js";
import { type ConfigTree, isConfigTree } from "./config-tree.js";
import type { ConfigSchema } from "./schema.js";

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
