import { randomBytes } from "node:crypto";
import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { byteString, type LayerIndex } from "@sluice/disk";
import { type LayerCompression, parseDigest, sha256Of } from "@sluice/oci";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { compress as zstdCompress } from "zstd-napi";
import { LayerInvalidError } from "../tar/errors.js";
import { InlineCompressor } from "../testing/inline-compressor.js";
import { InlineScanner } from "../testing/inline-scanner.js";
import { endOfTar, rawFile, rawHeader, rawPax } from "../testing/raw-tar.js";
import { rebuiltTar } from "../verify/rebuilt-tar.js";
import { type ConvertedLayer, convertLayer } from "./convert-layer.js";
import { localBlob } from "./local-blob.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-layer-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

interface Converted {
  readonly layer: ConvertedLayer;
  readonly blob: Buffer;
  readonly tar: Buffer;
}

async function* inPieces(bytes: Buffer, size = 10_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Converts a tar, rebuilds it from the blob alone, and gives back both. */
async function convert(tar: Buffer, compression: LayerCompression = "none", packed = tar): Promise<Converted> {
  const path = join(directory, "blob");
  await using handle = await open(path, "w+");
  const layer = await convertLayer(
    { digest: sha256Of(packed), compression, diffId: sha256Of(tar), content: inPieces(packed) },
    { handle, path },
    { temporaryDirectory: directory, scanner: new InlineScanner(), compressor: new InlineCompressor() },
  );
  const parts: Buffer[] = [];
  const blob = localBlob(handle, layer.sizeBytes);
  for await (const part of rebuiltTar(blob, layer.footerDigest, { temporaryDirectory: directory }))
    parts.push(Buffer.from(part));
  return { layer, blob: await handle.readFile(), tar: Buffer.concat(parts) };
}

const tarOf = (...parts: Buffer[]): Buffer => Buffer.concat([...parts, endOfTar]);

function startBlockOf(index: LayerIndex, path: string): number {
  for (let entry = 0; entry < index.entryCount; entry++) {
    if (Buffer.from(byteString(index.path, entry)).toString() === path) return index.startBlock[entry] ?? -1;
  }
  throw new Error(`no entry ${path}`);
}

describe("convertLayer", () => {
  it("writes a blob from which the tar comes back byte for byte, whatever its compression", async () => {
    const files = tarOf(rawFile({ name: "a.txt" }, randomBytes(300_000)), rawHeader({ name: "d/", typeflag: "5" }));
    const tar = Buffer.concat([files, Buffer.from("odd end")]);
    const plain = await convert(tar);
    expect(plain.tar.equals(tar)).toBe(true);
    expect(plain.layer.uncompressedBytes).toBe(tar.length);
    const gzip = await convert(tar, "gzip", gzipSync(tar));
    const zstd = await convert(tar, "zstd", zstdCompress(tar));
    expect(gzip.blob.equals(plain.blob)).toBe(true);
    expect(zstd.blob.equals(plain.blob)).toBe(true);
    expect(sha256Of(plain.blob)).toBe(plain.layer.digest);
  });

  it("converts an empty tar", async () => {
    for (const tar of [Buffer.alloc(0), endOfTar]) {
      const { layer, tar: rebuilt } = await convert(tar);
      expect(rebuilt.equals(tar)).toBe(true);
      expect([layer.index.entryCount, layer.index.dataBlocks]).toEqual([0, 0]);
    }
  });

  it("stores equal files once and groups files by kind", async () => {
    const same = randomBytes(9000);
    const tar = tarOf(
      rawFile({ name: "a.py" }, same),
      rawFile({ name: "a.txt" }, "text"),
      rawFile({ name: "b.py" }, same),
      rawFile({ name: "c.py" }, same.subarray(0, 8999)),
    );
    const { layer, tar: rebuilt } = await convert(tar);
    expect(rebuilt.equals(tar)).toBe(true);
    expect(layer.index.dataBlocks).toBe(3 + 3 + 1);
    expect(startBlockOf(layer.index, "a.py")).toBe(startBlockOf(layer.index, "b.py"));
    expect(startBlockOf(layer.index, "a.txt")).toBe(6);
  });

  it("keeps the content of whiteouts and ignored files for the recipe alone", async () => {
    const tar = tarOf(
      rawFile({ name: ".wh.gone" }, "x"),
      rawFile({ name: ".wh..wh.aufs" }, "y"),
      rawFile({ name: "z" }, "z"),
    );
    const { layer, tar: rebuilt } = await convert(tar);
    expect(rebuilt.equals(tar)).toBe(true);
    expect(layer.index.entryCount).toBe(2);
  });

  it("gives a sparse file of 8 TiB without taking its room or its time", async () => {
    const offset = 2 ** 43 - 5;
    const records: [string, string][] = [
      ["GNU.sparse.size", `${2 ** 43}`],
      ["GNU.sparse.map", `5,3,${offset},5`],
    ];
    const tar = tarOf(rawPax(records), rawFile({ name: "huge" }, "abcdefgh"));
    const { layer, tar: rebuilt } = await convert(tar);
    expect(rebuilt.equals(tar)).toBe(true);
    expect(layer.index.dataBlocks).toBe(2 ** 31);
    expect(layer.sizeBytes).toBeLessThan(3000);
    expect([...layer.seekTable.blocks].reduce((a, b) => a + b)).toBe(2 ** 31);
  });

  it("puts the pieces of sparse files at their places, aligned or not", async () => {
    const piece = fc.record({ gap: fc.integer({ min: 0, max: 20_000 }), length: fc.integer({ min: 1, max: 9000 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 6 }), fc.nat(5000), async (wanted, tail) => {
        let end = 0;
        const pieces = wanted.map(({ gap, length }) => {
          const offset = end + gap;
          end = offset + length;
          return { offset, length };
        });
        const whole = Buffer.alloc(end + tail);
        for (const { offset, length } of pieces) randomBytes(length).copy(whole, offset);
        const map = pieces.map(({ offset, length }) => `${offset},${length}`).join(",");
        const stored = Buffer.concat(pieces.map(({ offset, length }) => whole.subarray(offset, offset + length)));
        const sparse = [
          rawPax([
            ["GNU.sparse.size", `${whole.length}`],
            ["GNU.sparse.map", map],
          ]),
          rawFile({ name: "s" }, stored),
        ];
        const { layer, tar } = await convert(tarOf(...sparse));
        expect(tar.equals(tarOf(...sparse))).toBe(true);
        const { layer: dense } = await convert(tarOf(rawFile({ name: "s" }, whole)));
        expect(layer.seekTable).toEqual(dense.seekTable);
      }),
      { numRuns: 25 },
    );
  });

  it.each([
    ["a cut off gzip", (tar: Buffer) => gzipSync(tar).subarray(0, 200), /not a whole gzip stream/],
    [
      "damaged gzip",
      (tar: Buffer) => Buffer.from(gzipSync(tar)).fill(0xff, 100, 150),
      /not a whole gzip stream|no tar header/,
    ],
    ["another format", () => Buffer.from("<html>not found</html>"), /not a whole gzip stream/],
    ["another tar", () => gzipSync(endOfTar), /has DiffID sha256:[0-9a-f]+, the image's config says/],
    ["a cut off tar", (tar: Buffer) => gzipSync(tar.subarray(0, 5000)), /entry "a" .*bytes of its content are missing/],
  ])("refuses %s and names the layer", async (_, pack, message) => {
    const tar = tarOf(rawFile({ name: "a" }, randomBytes(20_000)));
    const packed = pack(tar);
    await expect(convert(tar, "gzip", packed)).rejects.toThrow(LayerInvalidError);
    await expect(convert(tar, "gzip", packed)).rejects.toThrow(message);
    await expect(convert(tar, "gzip", packed)).rejects.toThrow(sha256Of(packed));
  });

  it("leaves nothing behind when it fails, and passes on errors of the source as they are", async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield gzipSync(endOfTar).subarray(0, 10);
      throw new Error("connection reset");
    }
    const path = join(directory, "blob");
    await using handle = await open(path, "w+");
    const digest = parseDigest(`sha256:${"0".repeat(64)}`, "test");
    const converting = convertLayer(
      { digest, compression: "gzip", diffId: digest, content: failing() },
      { handle, path },
      { temporaryDirectory: directory, scanner: new InlineScanner(), compressor: new InlineCompressor() },
    );
    await expect(converting).rejects.toThrow(/^connection reset$/);
    expect(await readdir(directory)).toEqual(["blob"]);
  });
});
