const dot = 0x2e;
const slash = 0x2f;
const sharedObject = Buffer.from(".so.");

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
