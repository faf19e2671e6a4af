import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { byteString } from "../byte-strings.js";
import { compressFrame, decompressFrame } from "../frames/zstd-frame.js";
import { sampleEntries, sampleLayerIndex } from "../testing/samples.js";
import { entryType, type LayerIndex } from "./layer-index.js";
import { LayerIndexBuilder, type NewLayerEntry } from "./layer-index-builder.js";
import { decodeLayerIndex, encodeLayerIndex } from "./layer-index-codec.js";

function indexOf(entries: readonly NewLayerEntry[], dataBlocks = 1): LayerIndex {
  const builder = new LayerIndexBuilder();
  for (const entry of entries) builder.append(entry);
  return builder.finish(dataBlocks);
}

const file: NewLayerEntry = {
  type: entryType.file,
  path: Uint8Array.of(0x61),
  mode: 0o644,
  uid: 0,
  gid: 0,
  mtimeSeconds: 0,
  mtimeNanoseconds: 0,
};
const path = fc
  .array(fc.stringMatching(/^[a-z]{1,9}$/), { minLength: 1, maxLength: 5 })
  .map((names) => Uint8Array.from(Buffer.from(names.join("/"))));
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const entryArbitrary: fc.Arbitrary<NewLayerEntry> = fc.record({
  type: fc.constantFrom(entryType.directory, entryType.file, entryType.whiteout, entryType.fifo),
  path,
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: u32,
  gid: u32,
  mtimeSeconds: fc.maxSafeInteger(),
  mtimeNanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
});

describe("a layer index", () => {
  it("comes back as it was built", () => {
    fc.assert(
      fc.property(fc.array(entryArbitrary), (entries) => {
        const index = indexOf(entries);
        expect(decodeLayerIndex(encodeLayerIndex(index))).toEqual(index);
      }),
    );
  });

  it("keeps every field of every type of entry", () => {
    const index = decodeLayerIndex(encodeLayerIndex(sampleLayerIndex()));
    expect(index).toEqual(sampleLayerIndex());
    for (const [i, entry] of sampleEntries.entries()) {
      expect(index.type[i]).toBe(entry.type);
      expect(index.mtimeSeconds[i]).toBe(entry.mtimeSeconds);
      expect(byteString(index.path, i)).toEqual(entry.path);
      expect(byteString(index.target, i)).toEqual(entry.target ?? new Uint8Array(0));
      expect(byteString(index.xattrs, i)).toEqual(entry.xattrs ?? new Uint8Array(0));
    }
  });

  it("can be empty", () => expect(decodeLayerIndex(encodeLayerIndex(indexOf([]))).entryCount).toBe(0));

  it("takes a hundred thousand entries", () => {
    const entries = Array.from({ length: 100_000 }, (_, i) => ({ ...file, path: Buffer.from(`usr/share/doc/${i}`) }));
    const index = decodeLayerIndex(encodeLayerIndex(indexOf(entries)));
    expect(Buffer.from(byteString(index.path, 99_999)).toString()).toBe("usr/share/doc/99999");
  });
});

describe("a layer index is refused", () => {
  const size = 64 + 8 * Math.ceil(1 / 8) + 7 * 8 + 2 * 8 + 3 * 8 + 8;
  const raw = decompressFrame(encodeLayerIndex(indexOf([file])), size, "sample");
  const refusal = (change: (view: DataView, bytes: Uint8Array) => void): (() => LayerIndex) => {
    const bytes = new Uint8Array(raw);
    change(new DataView(bytes.buffer), bytes);
    return () => decodeLayerIndex(compressFrame(bytes));
  };

  it.each<[string, (view: DataView) => void, RegExp]>([
    ["another magic", (view) => view.setUint8(0, 0), /magic: expected SLUICELI/],
    ["another version", (view) => view.setUint16(8, 2, true), /version: expected 1, found 2/],
    ["reserved bytes that are not zero", (view) => view.setUint8(63, 1), /reserved bytes of the header/],
    ["more entries than it has room for", (view) => view.setUint32(12, 2 ** 31, true), /from the header's counts/],
    ["more blocks than a disk can have", (view) => view.setUint32(20, 1, true), /blocks: expected at most/],
    ["a heap larger than it has room for", (view) => view.setUint32(28, 1, true), /from the header's counts/],
    ["padding that is not zero", (view) => view.setUint8(65, 1), /padding at 65/],
    ["an unknown type", (view) => view.setUint8(64, 10), /entry 0: expected a type from 1 to 9, found 10/],
  ])("for %s", (_, change, message) => expect(refusal(change)).toThrow(message));

  it("when its frame declares more than 256 MiB", () => {
    const frame = compressFrame(new Uint8Array(256 * 1024 * 1024 + 1));
    expect(() => decodeLayerIndex(frame)).toThrow(/size: expected 64 to 268435456 bytes/);
  });
});
