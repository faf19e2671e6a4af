import { DigestMismatchError, sha256Of } from "@sluice/oci/content";
import { describe, expect, it } from "vitest";
import { decompress } from "zstd-napi";
import { decodeLayerIndex, maxLayerIndexBytes } from "../layer/layer-index-codec.js";
import { readRecipe } from "../recipe/read-recipe.js";
import { rebuildTar } from "../recipe/rebuild-tar.js";
import { collect, sampleLayer, sampleLayerIndex, sampleSeekTable } from "../testing/samples.js";
import { blobKind } from "../toc/toc.js";
import { type RemoteBlob, readFooter, readSection, readSeekTable, readWholeSection } from "./blob-reader.js";
import { type BlobTail, encodeBlobTail, footerDigest, footerOf, payloadOf } from "./blob-tail.js";
import type { BlobSection } from "./footer.js";
import { decompressFrame } from "./zstd-frame.js";

const layer = await sampleLayer();

function remote(bytes: Uint8Array): RemoteBlob & { readonly reads: number[] } {
  const reads: number[] = [];
  const read: RemoteBlob["read"] = async ({ start, end }) => {
    reads.push(end - start);
    return bytes.subarray(start, end);
  };
  return { sizeBytes: bytes.length, read, reads };
}

function present(section: BlobSection | undefined): BlobSection {
  if (section === undefined) throw new Error("the sample has this section");
  return section;
}

describe("a layer blob", () => {
  it("is found by its footer, in one read", async () => {
    const blob = remote(layer.blob);
    const footer = await readFooter(blob, sha256Of(layer.blob.subarray(-192)));
    expect(footer).toMatchObject({ kind: blobKind.layer, dataBlocks: 3 });
    expect(footerDigest(footer)).toBe(sha256Of(layer.blob.subarray(-192)));
    expect(blob.reads).toEqual([192]);
  });

  it("holds the index", async () => {
    const blob = remote(layer.blob);
    const { index } = await readFooter(blob, undefined);
    const payload = await readWholeSection(blob, present(index), "layer index", maxLayerIndexBytes);
    expect(decodeLayerIndex(payload)).toEqual(sampleLayerIndex());
  });

  it("holds the chunks, where the seek table says", async () => {
    const blob = remote(layer.blob);
    const table = await readSeekTable(blob, await readFooter(blob, undefined));
    const start = table.offset[0] ?? 0;
    const frame = layer.blob.subarray(start, start + (table.compressedSize[0] ?? 0));
    expect(decompressFrame(frame, (table.blocks[0] ?? 0) * 4096, "chunk 0")).toEqual(layer.data);
  });

  it("gives back the layer's tar", async () => {
    const blob = remote(layer.blob);
    const footer = await readFooter(blob, undefined);
    const recipe = readRecipe(readSection(blob, present(footer.recipe), "recipe"), footer.dataBlocks);
    const tar = rebuildTar(recipe, async function* ({ start, end }) {
      yield layer.data.subarray(start, end);
    });
    expect(Buffer.compare(await collect(tar), layer.tar)).toBe(0);
  });

  it("is a zstd file whose content is the data space", () => {
    expect(Buffer.compare(decompress(layer.blob), layer.data)).toBe(0);
  });
});

describe("reading a blob", () => {
  it("refuses a footer that is not the one the descriptor names", async () => {
    await expect(readFooter(remote(layer.blob), sha256Of("another"))).rejects.toThrow(DigestMismatchError);
  });

  it("refuses a blob without room for a footer, unread", async () => {
    const blob = remote(new Uint8Array(191));
    await expect(readFooter(blob, undefined)).rejects.toThrow(/at least 192 bytes, found 191/);
    expect(blob.reads).toEqual([]);
  });

  it("refuses a section whose bytes were changed", async () => {
    const damaged = new Uint8Array(layer.blob);
    const { index } = await readFooter(remote(layer.blob), undefined);
    const at = present(index).offset + 20;
    damaged[at] = (damaged[at] ?? 0) ^ 1;
    await expect(readWholeSection(remote(damaged), present(index), "layer index", 10_000)).rejects.toThrow(
      DigestMismatchError,
    );
  });

  it("refuses a section larger than the caller has room for, unread", async () => {
    const blob = remote(layer.blob);
    const { index } = await readFooter(blob, undefined);
    await expect(readWholeSection(blob, present(index), "layer index", 100)).rejects.toThrow(/at most 100 bytes/);
    expect(blob.reads).toEqual([192]);
  });

  it("reads a large section piece by piece", async () => {
    const payload = payloadOf(new Uint8Array(2_500_000));
    const tail: BlobTail = {
      ...metadataTail,
      kind: blobKind.layer,
      index: payload,
      recipe: payloadOf(new Uint8Array(1)),
    };
    const blob = remote(await collect(encodeBlobTail({ ...tail, framesEnd: 0, seekTable: { ...emptyTable } })));
    const { index } = await readFooter(blob, undefined);
    let bytes = 0;
    for await (const piece of readSection(blob, present(index), "layer index")) bytes += piece.length;
    expect(bytes).toBe(2_500_000);
    expect(Math.max(...blob.reads)).toBe(1024 * 1024);
  });

  it("passes the signal to each read", async () => {
    const stop = new AbortController();
    stop.abort(new Error("enough"));
    const blob: RemoteBlob = {
      sizeBytes: 1000,
      read: async (_, options) => {
        options?.signal?.throwIfAborted();
        return new Uint8Array(192);
      },
    };
    await expect(readFooter(blob, undefined, { signal: stop.signal })).rejects.toThrow("enough");
  });
});

const emptyTable = {
  count: 0,
  offset: new Float64Array(0),
  compressedSize: new Uint32Array(0),
  blocks: new Uint32Array(0),
  sha256: new Uint8Array(0),
};
const metadataTail: BlobTail = { kind: blobKind.metadata, framesEnd: 300, dataBlocks: 0, seekTable: emptyTable };

describe("the tail of a blob", () => {
  it("has neither index nor recipe when it is no layer", async () => {
    const footer = footerOf({ ...metadataTail, dataBlocks: 13, seekTable: sampleSeekTable() });
    expect(footer).toMatchObject({ index: undefined, recipe: undefined, seekTable: { offset: 300, sizeBytes: 200 } });
    expect(() => footerOf({ ...metadataTail, index: payloadOf(new Uint8Array(1)) })).toThrow(RangeError);
    expect(() => footerOf({ ...metadataTail, kind: blobKind.layer })).toThrow(RangeError);
  });
});
