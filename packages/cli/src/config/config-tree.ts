/** A configuration as plain data: objects within objects, scalars and lists at the leaves. */
export interface ConfigTree {
  readonly [key: string]: unknown;
}

export const isConfigTree = (value: unknown): value is ConfigTree =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The value at `path`, or undefined when any step is missing. */
export function valueAt(tree: ConfigTree, path: readonly string[]): unknown {
  let value: unknown = tree;
  for (const key of path) {
    if (!isConfigTree(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

/** `tree` with `value` at `path`; `tree` itself stays as it is. */
export function withValue(tree: ConfigTree, path: readonly string[], value: unknown): ConfigTree {
  const [key, ...rest] = path;
  if (key === undefined) return tree;
  const below = tree[key];
  return { ...tree, [key]: rest.length === 0 ? value : withValue(isConfigTree(below) ? below : {}, rest, value) };
}

/** Both trees in one; where both have a leaf, that of `upper` wins. */
export function merged(lower: ConfigTree, upper: ConfigTree): ConfigTree {
  const result: Record<string, unknown> = { ...lower };
  for (const [key, value] of Object.entries(upper)) {
    const below = result[key];
    result[key] = isConfigTree(below) && isConfigTree(value) ? merged(below, value) : value;
  }
  return result;
}
