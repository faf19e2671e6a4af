/**
 * Keys are parts joined by a NUL, which no name, tag or digest holds: `team` and `team/app` stay apart, and the keys of one
 * repository lie together.
 */
export const keyOf = (...parts: readonly string[]): string => parts.join(separator);

/** The keys that begin with `parts`, and with `after` the ones behind that last part. */
export function keysBelow(parts: readonly string[], after?: string): { gt: string; lt: string } {
  const prefix = keyOf(...parts, "");
  return { gt: after === undefined ? prefix : prefix + after, lt: keyOf(...parts).concat("\u0001") };
}

export const partsOf = (key: string): readonly string[] => key.split(separator);

/** The last part of a key. */
export const lastPart = (key: string): string => key.slice(key.lastIndexOf(separator) + 1);

/** Sorts tags as the specification wants, without regard to case; tags that differ only by case stay apart. */
export const tagOrder = (tag: string): string => `${tag.toLowerCase()}\u0002${tag}`;

/** The tag in a key made with {@link tagOrder}. */
export const tagOf = (ordered: string): string => ordered.slice(ordered.indexOf("\u0002") + 1);

const separator = "\u0000";
