import { DigestMismatchError, sha256Of } from "@sluice/oci/content";
import { describe, expect, it } from "vitest";
import { compressFrame, declaredContentBytes, decompressFrame } from "../frames/zstd-frame.js";
import { sampleToc } from "../testing/samples.js";
import { startupTable } from "../testing/startup-table.js";
import type { Toc } from "./toc.js";
import { decodeToc, encodeToc } from "./toc-codec.js";

const blob = encodeToc(sampleToc());

describe("a TOC", () => {
  it("comes back as it was built", () => expect(decodeToc(blob)).toEqual(sampleToc()));

  it("is the same for the same image", () => expect(encodeToc(sampleToc())).toEqual(blob));

  it("is accepted as the one that is expected, and no other", () => {
    const { source } = sampleToc();
    expect(decodeToc(blob, { digest: sha256Of(blob), source }).source).toBe(source);
    expect(() => decodeToc(blob, { digest: sha256Of("another") })).toThrow(DigestMismatchError);
    expect(() => decodeToc(blob, { source: sha256Of("another") })).toThrow(/TOC, source manifest: expected sha256:/);
  });

  it("of twenty thousand chunks, 5 GB, decodes within a tenth of a second or so", () => {
    const toc = largeToc(20_000);
    const bytes = encodeToc(toc);
    const start = performance.now();
    expect(decodeToc(bytes).chunks.count).toBe(20_000);
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

describe("a TOC is refused", () => {
  const raw = decompressFrame(blob, declaredContentBytes(blob, "sample"), "sample");
  const refusal = (change: (view: DataView) => void): (() => Toc) => {
    const bytes = new Uint8Array(raw);
    change(new DataView(bytes.buffer));
    return () => decodeToc(compressFrame(bytes));
  };
  const blobs = 96;
  const regions = blobs + 5 * 48;
  const startup = regions + 3 * 32 + 12 * 48;

  it.each<[string, (view: DataView) => void, RegExp]>([
    ["another magic", (view) => view.setUint8(0, 0), /magic/],
    ["another version", (view) => view.setUint16(8, 9, true), /version: expected 1, found 9/],
    ["another block size", (view) => view.setUint16(10, 13, true), /log2 of the block size/],
    ["too many blobs", (view) => view.setUint32(12, 5000, true), /blobs: expected at most 1024/],
    ["more regions than blobs", (view) => view.setUint32(24, 6, true), /regions: expected at most one/],
    ["more chunks than it has room for", (view) => view.setUint32(28, 0xffff_ffff, true), /from the header's counts/],
    ["more startup chunks than it has room for", (view) => view.setUint32(32, 4, true), /from the header's counts/],
    ["more startup pieces than it has room for", (view) => view.setUint32(36, 5, true), /from the header's counts/],
    ["more chunks to prefetch than it has room for", (view) => view.setUint32(40, 3, true), /from the header's counts/],
    [
      "a chunk to prefetch that there is none of",
      (view) => view.setUint32(raw.length - 8, 12, true),
      /chunk 0 to prefetch: expected/,
    ],
    [
      "more pieces in startup chunks than there are",
      (view) => view.setUint32(startup, 2 ** 31, true),
      /startup chunk 0: expected at least 1 block|TOC, startup chunks/,
    ],
    [
      "startup pieces in no chunk",
      (view) => view.setUint32(startup + 4, 1, true),
      /startup pieces: expected 4, found 3/,
    ],
    [
      "startup pieces of more blocks than a number holds",
      (view) => view.setUint32(raw.length - 12, 0xffff_ffff, true),
      /TOC, startup chunks, row 2/,
    ],
    ["reserved bytes in the header", (view) => view.setUint8(50, 1), /reserved bytes of the header/],
    [
      "a disk without blocks",
      (view) => view.setBigUint64(16, 0n, true),
      /blocks of the disk: expected 1 to 4294967296/,
    ],
    ["a disk over 16 TiB", (view) => view.setBigUint64(16, 2n ** 32n + 1n, true), /blocks of the disk/],
    ["a disk that ends in a region", (view) => view.setUint32(16, 10, true), /region 0: expected blocks that end by/],
    ["an unknown kind of blob", (view) => view.setUint32(blobs, 4, true), /blob 0: expected kind 1, 2 or 3/],
    ["reserved bytes in a blob", (view) => view.setUint8(blobs + 5, 1), /blob 0: expected reserved bytes zero/],
    ["a blob larger than a double can say", (view) => view.setUint32(blobs + 12, 2 ** 30, true), /blob 0/],
    ["reserved bytes in a region", (view) => view.setUint8(regions + 28, 1), /region 0: expected reserved bytes zero/],
    [
      "an offset that a double cannot hold",
      (view) => view.setUint32(regions + 3 * 32 + 8 * 12 + 4, 2 ** 31, true),
      /offset of chunk 0/,
    ],
  ])("for %s", (_, change, message) => expect(refusal(change)).toThrow(message));

  it("when it is cut, extended, or declares more than 64 MiB", () => {
    expect(() => decodeToc(blob.subarray(0, -1))).toThrow(/whole zstd frame/);
    expect(() => decodeToc(Buffer.concat([blob, blob]))).toThrow(/an end at byte/);
    expect(() => decodeToc(compressFrame(raw.subarray(8)))).toThrow(/TOC/);
    const bomb = Buffer.from("28b52ffda00000001000", "hex");
    expect(() => decodeToc(Buffer.concat([bomb, Buffer.alloc(20)]))).toThrow(/96 to 67108864/);
    expect(() => decodeToc(compressFrame(new Uint8Array(64 * 1024 * 1024 + 1)))).toThrow(/96 to 67108864/);
  });
});

function largeToc(count: number): Toc {
  const sample = sampleToc();
  const columns = {
    count,
    startBlock: Uint32Array.from({ length: count }, (_, row) => row * 64),
    blocks: new Uint32Array(count).fill(64),
    blob: new Uint16Array(count),
    offset: Float64Array.from({ length: count }, (_, row) => row * 100_000),
    compressedSize: new Uint32Array(count).fill(100_000),
    sha256: new Uint8Array(count * 32).fill(1),
  };
  return {
    ...sample,
    diskBlocks: 64 * count,
    blobs: [{ kind: 1, digest: sha256Of("metadata"), sizeBytes: count * 100_000 }],
    regions: [{ startBlock: 0, blocks: 64 * count, blob: 0, firstChunk: 0, chunkCount: count }],
    chunks: columns,
    startup: startupTable([]),
  };
}
