import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  blobKind,
  encodeBlobTail,
  encodeFooter,
  encodeLayerIndex,
  footerDigest,
  footerOf,
  layerIndexBytes,
  payloadOf,
  SeekTableBuilder,
} from "@sluice/disk";
import { layerOf } from "@sluice/disk/testing";
import { sha256Of } from "@sluice/oci";
import { afterEach, beforeEach, expect, it } from "vitest";
import { readKeptIndexes } from "./kept-indexes.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "kept-indexes-"));
});
afterEach(() => rm(folder, { recursive: true }));

it("reads the indexes of layers, as long as all of them together are not too long", async () => {
  const payload = encodeLayerIndex(layerOf([]));
  const seekTable = new SeekTableBuilder().finish();
  const index = payloadOf(payload);
  const tail = { kind: blobKind.layer, framesEnd: 0, dataBlocks: 0, seekTable, index, recipe: payloadOf(Buffer.of(1)) };
  let sizeBytes = 0;
  for await (const piece of encodeBlobTail(tail)) sizeBytes += piece.length;
  const path = join(folder, "index");
  await writeFile(path, Buffer.concat([encodeFooter(footerOf(tail)), payload]));
  const blob = { digest: sha256Of("a layer"), sizeBytes, footerDigest: footerDigest(footerOf(tail)) };
  const layers = [1, 2, 3].map(() => ({ blob, path }));
  const bytes = 3 * layerIndexBytes(payload);
  expect(await readKeptIndexes(layers, bytes)).toHaveLength(3);
  await expect(readKeptIndexes(layers, bytes - 1)).rejects.toThrow(/at most .* bytes, found/);
});
