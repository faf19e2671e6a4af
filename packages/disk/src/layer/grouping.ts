const dot = 0x2e;
const slash = 0x2f;
const sharedObject = Buffer.from(".so.");
const none = new Uint8Array(0);

/**
 * The order of files in a layer's data space: by kind, then by path, both as bytes. Only equal paths compare as 0.
 * The kind is what follows the last dot of the name, `so` for `libc.so.6`, nothing for names without a dot or with one in front only.
 * docs/adr/0003-chunking.md
 */
export function compareForGrouping(pathA: Uint8Array, pathB: Uint8Array): number {
  return Buffer.compare(kindOf(pathA), kindOf(pathB)) || Buffer.compare(pathA, pathB);
}

function kindOf(path: Uint8Array): Uint8Array {
  const name = path.subarray(path.lastIndexOf(slash) + 1);
  const versioned = Buffer.from(name.buffer, name.byteOffset, name.length).indexOf(sharedObject);
  if (versioned > 0) return name.subarray(versioned + 1, versioned + 3);
  const at = name.lastIndexOf(dot);
  return at > 0 ? name.subarray(at + 1) : name.subarray(name.length);
}

/** The rows of `paths` in the order of {@link compareForGrouping}, equal paths as they come. Each kind is found once, and kinds are few. */
export function groupingOrder(paths: readonly Uint8Array[]): Uint32Array {
  const kinds = new Map<string, number[]>();
  for (const [row, path] of paths.entries()) {
    const kind = Buffer.from(kindOf(path)).toString("latin1");
    const rows = kinds.get(kind);
    if (rows === undefined) kinds.set(kind, [row]);
    else rows.push(row);
  }
  const compare = (a: number, b: number): number => Buffer.compare(paths[a] ?? none, paths[b] ?? none) || a - b;
  const inOrder = [...kinds].sort(([a], [b]) => (a < b ? -1 : 1)); // latin1 text sorts as its bytes do
  return Uint32Array.from(inOrder.flatMap(([, rows]) => rows.sort(compare)));
}
