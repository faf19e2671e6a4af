import { describe, expect, it } from "vitest";
import { checkLayerIndex } from "./check-layer-index.js";
import { entryType, type LayerIndex } from "./layer-index.js";
import { LayerIndexBuilder, type NewLayerEntry } from "./layer-index-builder.js";

const base: NewLayerEntry = {
  type: entryType.file,
  path: Buffer.from("a"),
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeSeconds: 0,
  mtimeNanoseconds: 0,
};

function indexOf(entry: Partial<NewLayerEntry>, startBlock = 0): LayerIndex {
  const builder = new LayerIndexBuilder();
  builder.append({ ...base, path: Buffer.from("first") });
  builder.append({ ...base, ...entry });
  builder.setStartBlock(1, startBlock);
  return builder.finish(10);
}

describe("an entry is accepted", () => {
  it.each<[string, Partial<NewLayerEntry>, number]>([
    ["whose content ends with the data space", { sizeBytes: 3 * 4096 }, 7],
    ["that is the root", { type: entryType.directory, path: Buffer.of() }, 0],
    ["that makes the root opaque", { type: entryType.opaque, path: Buffer.of() }, 0],
    ["that is a link with any target", { type: entryType.symlink, target: Buffer.from("/../\xff/./") }, 0],
    ["that is the largest device", { type: entryType.blockDevice, rdevMajor: 0xfff, rdevMinor: 0xf_ffff }, 0],
  ])("%s", (_, entry, start) => expect(() => checkLayerIndex(indexOf(entry, start))).not.toThrow());
});

describe("an entry is refused", () => {
  it.each<[string, Partial<NewLayerEntry>, number, string]>([
    ["with file type bits in its mode", { mode: 0o100_644 }, 0, "a mode of at most 0o7777, found 0o100644"],
    ["with a second of nanoseconds", { mtimeNanoseconds: 1_000_000_000 }, 0, "999,999,999 nanoseconds"],
    ["with a fraction of a second", { mtimeSeconds: 0.5 }, 0, "mtime seconds"],
    ["whose content leaves the data space", { sizeBytes: 3 * 4096 + 1 }, 7, "content that ends by block 10, found 11"],
    ["of a negative size", { sizeBytes: -1 }, 0, "a size from 0"],
    ["of a size that is no number", { sizeBytes: Number.NaN }, 0, "a size from 0"],
    ["with content that is no file", { type: entryType.fifo, sizeBytes: 1 }, 0, "no size, as it is no file"],
    ["without content that has a place", {}, 1, "start block 0, as it has no content"],
    ["with a device number that is no device", { rdevMajor: 1 }, 0, "no device number"],
    [
      "with too large a device number",
      { type: entryType.characterDevice, rdevMajor: 0x1000 },
      0,
      "at most 4095:1048575",
    ],
    ["that leaves the root", { path: Buffer.from("../a") }, 0, "a path in normal form, found a component . or .."],
    ["that is a file at the root", { path: Buffer.of() }, 0, "only a directory can be the root"],
    ["that is a link to nothing", { type: entryType.symlink }, 0, "a symlink target of 1 to 4095 bytes"],
    [
      "that is a link to too much",
      { type: entryType.symlink, target: new Uint8Array(4096).fill(1) },
      0,
      "1 to 4095 bytes",
    ],
    ["that is a link with a NUL", { type: entryType.symlink, target: Buffer.from("a\0") }, 0, "without NUL"],
    ["that is a hard link to the root", { type: entryType.hardLink }, 0, "a hard link target in normal form"],
    [
      "that is a hard link out of the root",
      { type: entryType.hardLink, target: Buffer.from("../x") },
      0,
      "hard link target",
    ],
    ["with a target that is no link", { target: Buffer.from("x") }, 0, "no target, as it is no link"],
    ["with half an xattr", { xattrs: Buffer.of(1, 0) }, 0, "a whole xattr"],
  ])("%s", (_, entry, start, message) => {
    expect(() => checkLayerIndex(indexOf(entry, start))).toThrow("layer index, entry 1: expected ");
    expect(() => checkLayerIndex(indexOf(entry, start))).toThrow(message);
  });

  it("when the ends of its strings fall, start late or miss the heap", () => {
    const index = indexOf({});
    const withEnds = (...ends: number[]): LayerIndex => ({
      ...index,
      path: { ...index.path, ends: Uint32Array.from(ends) },
    });
    expect(() => checkLayerIndex(withEnds(0, 6, 5))).toThrow(/path, end 2: expected at least 6/);
    expect(() => checkLayerIndex(withEnds(1, 5, 6))).toThrow(/path, end 0/);
    expect(() => checkLayerIndex(withEnds(0, 5, 7))).toThrow(/path, last end: expected 6, found 7/);
    expect(() => checkLayerIndex(withEnds(0, 6))).toThrow(/3 ends/);
  });
});
