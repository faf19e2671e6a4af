/** A package.json's `exports` and `imports`: Node's documentation of packages, "Resolution algorithm". */
const maxDepth = 20;
/** Of a target, before and after its `*` are replaced: longer than any path. */
const maxTargetChars = 4096;

/** The path, starting with `./`, or the other package that `subpath` (`.`, `./x`, `#x`) means under these conditions; undefined when it means none. */
export function resolveExports(exports: unknown, subpath: string, conditions: ReadonlySet<string>): string | undefined {
  const table = isTable(exports) ? exports : { ".": exports };
  if (Object.hasOwn(table, subpath) && !subpath.includes("*")) return targetOf(table[subpath], "", conditions, 0);
  let best: { readonly key: string; readonly match: string } | undefined;
  for (const key of Object.keys(table)) {
    const match = matchOf(key, subpath);
    if (match !== undefined && (best === undefined || key.indexOf("*") > best.key.indexOf("*"))) best = { key, match };
  }
  return best && targetOf(table[best.key], best.match, conditions, 0);
}

/** What stands for the `*` of a key; a key that ends in `/` stands for all below it, as older packages write. */
function matchOf(key: string, subpath: string): string | undefined {
  const star = key.indexOf("*");
  const before = star === -1 ? key : key.slice(0, star);
  const after = star === -1 ? "" : key.slice(star + 1);
  if (star === -1 && !key.endsWith("/")) return undefined;
  const fits = subpath.length >= before.length + after.length && subpath.startsWith(before) && subpath.endsWith(after);
  return fits ? subpath.slice(before.length, subpath.length - after.length) : undefined;
}

function targetOf(target: unknown, match: string, conditions: ReadonlySet<string>, depth: number): string | undefined {
  if (typeof target === "string") return filledIn(target, match);
  if (depth > maxDepth || typeof target !== "object" || target === null) return undefined;
  const choices = Array.isArray(target)
    ? target
    : Object.entries(target)
        .filter(([condition]) => conditions.has(condition))
        .map(([, value]) => value);
  for (const choice of choices) {
    const found = targetOf(choice, match, conditions, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Undefined for what is too long for a path. */
function filledIn(target: string, match: string): string | undefined {
  if (target.length > maxTargetChars) return undefined;
  const parts = target.endsWith("/") ? [target, ""] : target.split("*");
  const length = parts.reduce((sum, part) => sum + part.length, (parts.length - 1) * match.length);
  return length > maxTargetChars ? undefined : parts.join(match);
}

/** An object whose keys are subpaths rather than conditions. */
const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" &&
  value !== null &&
  !Array.isArray(value) &&
  Object.keys(value).some((key) => /^[.#]/.test(key));
