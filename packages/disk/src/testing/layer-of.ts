import { blocksOf } from "../blocks.js";
import { entryType, type LayerIndex } from "../layer/layer-index.js";
import { LayerIndexBuilder, type NewLayerEntry } from "../layer/layer-index-builder.js";
import { encodeXattrs } from "../layer/xattr-list.js";

/** An entry of a layer for tests; text is UTF-8. What is left out: a file of mode 0644, 0:0, time 0, empty. */
export interface TestEntry {
  readonly path: string | Uint8Array;
  readonly type?: keyof typeof entryType;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeSeconds?: number;
  readonly mtimeNanoseconds?: number;
  readonly sizeBytes?: number;
  readonly target?: string | Uint8Array;
  readonly xattrs?: Readonly<Record<string, string | Uint8Array>>;
  readonly rdevMajor?: number;
  readonly rdevMinor?: number;
}

/** The index of a layer with these entries. The data of its files follow one another in the order of the entries. */
export function layerOf(entries: readonly TestEntry[]): LayerIndex {
  const index = new LayerIndexBuilder();
  let nextBlock = 0;
  for (const entry of entries) {
    const row = index.append(newEntry(entry));
    const sizeBytes = entry.sizeBytes ?? 0;
    if (sizeBytes > 0) index.setStartBlock(row, nextBlock);
    nextBlock += blocksOf(sizeBytes);
  }
  return index.finish(nextBlock);
}

function newEntry({ type = "file", target = "", xattrs = {}, ...entry }: TestEntry): NewLayerEntry {
  const list = Object.entries(xattrs).map(([name, value]) => ({ name: Buffer.from(name), value: bytesOf(value) }));
  return {
    mode: type === "directory" ? 0o755 : 0o644,
    uid: 0,
    gid: 0,
    mtimeSeconds: 0,
    mtimeNanoseconds: 0,
    ...entry,
    type: entryType[type],
    path: bytesOf(entry.path),
    target: bytesOf(target),
    xattrs: encodeXattrs(list),
  };
}

const bytesOf = (text: string | Uint8Array): Uint8Array => (typeof text === "string" ? Buffer.from(text) : text);
