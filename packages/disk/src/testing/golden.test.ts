import { describe, expect, it } from "vitest";
import { footerOf, payloadOf } from "../frames/blob-tail.js";
import { decodeFooter, encodeFooter } from "../frames/footer.js";
import { decodeSeekTable, encodeSeekTable } from "../frames/seek-table.js";
import { compressFrame, declaredContentBytes, decompressFrame } from "../frames/zstd-frame.js";
import { decompressStream, ZstdEncoder } from "../frames/zstd-stream.js";
import { decodeLayerIndex, encodeLayerIndex } from "../layer/layer-index-codec.js";
import { encodeHead } from "../recipe/encode-instruction.js";
import { readRecipe } from "../recipe/read-recipe.js";
import { blobKind } from "../toc/toc.js";
import { decodeToc, encodeToc } from "../toc/toc-codec.js";
import { fromHex, toHex } from "./golden.js";
import { collect, sampleLayerIndex, sampleSeekTable, sampleToc } from "./samples.js";

// The recipe of the golden files: the samples of samples.ts, encoded. Compressed parts are kept decompressed, as zstd's output may
// change between its versions and the format does not. To make them again after a change of the format:
//   vitest run --project unit packages/disk/src/testing/golden.test.ts --update
const contentOf = (frame: Uint8Array): Uint8Array =>
  decompressFrame(frame, declaredContentBytes(frame, "sample"), "sample");

const footer = footerOf({
  kind: blobKind.layer,
  framesEnd: 300,
  dataBlocks: 13,
  seekTable: sampleSeekTable(),
  index: payloadOf(Buffer.from("the index")),
  recipe: payloadOf(Buffer.from("the recipe")),
});
const footerBlobBytes = 300 + (8 + 9) + (8 + 10) + (8 + 4 * 48) + 192;

const recipe = Buffer.concat([
  encodeHead({ kind: "literal", bytes: Buffer.from("header") }),
  Buffer.from("header"),
  encodeHead({ kind: "file", offset: 4096, sizeBytes: 5000 }),
  encodeHead({ kind: "zeros", sizeBytes: 120 }),
  encodeHead({ kind: "end", tarBytes: 5126, sha256: new Uint8Array(32).fill(0xab) }),
]);

const compressed = (bytes: Uint8Array): Uint8Array => {
  const encoder = new ZstdEncoder();
  return Buffer.concat([...encoder.push(bytes), ...encoder.end()]);
};

describe("golden files", () => {
  it.each([
    ["footer", "../frames/golden/footer.hex", encodeFooter(footer)],
    ["seek table", "../frames/golden/seek-table.hex", encodeSeekTable(sampleSeekTable())],
    ["layer index", "../layer/golden/layer-index.hex", contentOf(encodeLayerIndex(sampleLayerIndex()))],
    ["recipe", "../recipe/golden/recipe.hex", recipe],
    ["TOC", "../toc/golden/toc.hex", contentOf(encodeToc(sampleToc()))],
  ])("the %s is still written as it was", async (_, file, bytes) => {
    await expect(toHex(bytes)).toMatchFileSnapshot(file);
  });

  it("are read as the samples they were made from", async () => {
    const golden = (path: string): Uint8Array => fromHex(new URL(path, import.meta.url));
    expect(decodeFooter(golden("../frames/golden/footer.hex"), footerBlobBytes)).toEqual({
      ...footer,
      index: footer.index && { ...footer.index, sha256: new Uint8Array(footer.index.sha256) },
      recipe: footer.recipe && { ...footer.recipe, sha256: new Uint8Array(footer.recipe.sha256) },
      seekTable: { ...footer.seekTable, sha256: new Uint8Array(footer.seekTable.sha256) },
    });
    const table = decodeSeekTable(golden("../frames/golden/seek-table.hex"), { dataBlocks: 13, framesEnd: 300 });
    expect(table).toEqual(sampleSeekTable());
    expect(decodeLayerIndex(compressFrame(golden("../layer/golden/layer-index.hex")))).toEqual(sampleLayerIndex());
    expect(decodeToc(compressFrame(golden("../toc/golden/toc.hex")))).toEqual(sampleToc());
    const instructions = readRecipe([compressed(golden("../recipe/golden/recipe.hex"))], 3);
    const kinds: string[] = [];
    for await (const { kind } of instructions) kinds.push(kind);
    expect(kinds).toEqual(["literal", "file", "zeros", "end"]);
  });

  it("come through a compressed stream as they are", async () => {
    const bytes = fromHex(new URL("../recipe/golden/recipe.hex", import.meta.url));
    expect(await collect(decompressStream([compressed(bytes)], "recipe"))).toEqual(bytes);
  });
});
