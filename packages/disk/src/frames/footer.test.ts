import { describe, expect, it } from "vitest";
import { blobKind } from "../toc/toc.js";
import { type BlobFooter, decodeFooter, encodeFooter, footerBytes, framesEnd } from "./footer.js";

const hash = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);

const layer: BlobFooter = {
  kind: blobKind.layer,
  chunkCount: 2,
  dataBlocks: 70,
  index: { offset: 1000, sizeBytes: 100, sha256: hash(1) },
  recipe: { offset: 1100, sizeBytes: 50, sha256: hash(2) },
  seekTable: { offset: 1150, sizeBytes: 8 + 96, sha256: hash(3) },
};
const layerBytes = 1150 + 8 + 96 + footerBytes;

const metadata: BlobFooter = {
  kind: blobKind.metadata,
  chunkCount: 0,
  dataBlocks: 0,
  index: undefined,
  recipe: undefined,
  seekTable: { offset: 0, sizeBytes: 8, sha256: hash(4) },
};

describe("a footer", () => {
  it("comes back as it was written", () => {
    expect(decodeFooter(encodeFooter(layer), layerBytes)).toEqual(layer);
    expect(decodeFooter(encodeFooter(metadata), 8 + footerBytes)).toEqual(metadata);
  });

  it("says where the chunk frames end", () => {
    expect(framesEnd(layer)).toBe(1000);
    expect(framesEnd(metadata)).toBe(0);
  });

  it("is a skippable frame of 192 bytes", () => {
    const bytes = Buffer.from(encodeFooter(layer));
    expect(bytes.length).toBe(192);
    expect(bytes.readUInt32LE(0)).toBe(0x184d2a50);
    expect(bytes.readUInt32LE(4)).toBe(184);
  });
});

describe("a footer is refused", () => {
  const refusal = (change: (bytes: Uint8Array) => void, blobBytes = layerBytes): (() => BlobFooter) => {
    const bytes = encodeFooter(layer);
    change(bytes);
    return () => decodeFooter(bytes, blobBytes);
  };

  it.each([
    ["another magic of the frame", 0, /magic/],
    ["another payload size", 4, /payload size/],
    ["another magic", 8, /SLUICEBL/],
    ["another version", 16, /version/],
    ["an unknown kind", 19, /kind/],
    ["a size of the seek table that is not that of its rows", 20, /rows/],
    ["more blocks than a disk can have", 29, /at most 4294967295/],
    ["an offset that a double cannot hold", 39, /index offset/],
    ["a gap between sections", 48, /its end at/],
    ["bytes in the reserved field", 191, /reserved/],
  ])("for %s", (_, at, message) => {
    expect(refusal((bytes) => bytes.fill(0x70, at, at + 1))).toThrow(message);
  });

  it("when the blob is longer or shorter than its sections", () => {
    expect(refusal(() => undefined, layerBytes + 1)).toThrow(/its end at/);
    expect(refusal(() => undefined, layerBytes - 1)).toThrow(/its end at/);
  });

  it("when a layer lacks its index, and when a metadata blob has one", () => {
    expect(refusal((bytes) => bytes.fill(0, 32, 48).fill(0, 80, 112))).toThrow(/index: expected present/);
    expect(refusal((bytes) => bytes.fill(1, 18, 19))).toThrow(/index: expected absent/);
  });

  it("when an absent section has a hash", () => {
    expect(refusal((bytes) => bytes.fill(0, 32, 48))).toThrow(/all zero when absent/);
  });

  it("when it is cut", () => {
    expect(() => decodeFooter(encodeFooter(layer).subarray(1), layerBytes)).toThrow(/192 bytes/);
  });
});
