import { UsageError } from "../errors.js";
import { type ConfigTree, withValue } from "./config-tree.js";
import { type ConfigSchema, leafPathsOf } from "./schema.js";
import { withoutPassword } from "./without-password.js";

/** `["store", "budget"]` → `SLUICE_STORE_BUDGET`. The default registry goes by its short name. */
export function variableOf(path: readonly string[]): string {
  const name = path.join("_");
  if (name === "defaults_registry") return "SLUICE_REGISTRY";
  return `SLUICE_${name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase()}`;
}

/**
 * What the `SLUICE_*` variables set. A number, a truth value or a list (`a,b`) is read as one where the key wants it; empty is unset.
 * @throws {UsageError} naming the variable whose value is out of range
 */
export function configOfEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  schema: ConfigSchema,
): ConfigTree {
  let tree: ConfigTree = {};
  for (const path of leafPathsOf(schema)) {
    const text = environment[variableOf(path)];
    if (text === undefined || text === "") continue;
    tree = withValue(tree, path, accepted(path, text, schema));
  }
  return tree;
}

/** `text` as the first kind of value that `schema` takes at `path`. What it needs beside it, another source may set. */
function accepted(path: readonly string[], text: string, schema: ConfigSchema): unknown {
  const readings = [text, ...scalarOf(text)];
  let message = "";
  for (const value of readings) {
    const parsed = schema.safeParse(withValue({}, path, value));
    const problem = parsed.error?.issues.find((issue) => path.every((key, at) => issue.path[at] === key));
    if (problem === undefined) return value;
    message ||= problem.message;
  }
  throw new UsageError(`environment variable ${variableOf(path)}=${withoutPassword(text)}: ${message}`);
}

function scalarOf(text: string): readonly unknown[] {
  if (text === "true" || text === "false") return [text === "true"];
  return /^-?\d+(\.\d+)?$/.test(text) ? [Number(text)] : [text.split(",")];
}
