import { inspect } from "node:util";
import { type RemoteBlob, readFooter, readSection, readSeekTable, readWholeSection } from "../frames/blob-reader.js";
import { footerOf, payloadOf } from "../frames/blob-tail.js";
import { decodeFooter, encodeFooter } from "../frames/footer.js";
import { decodeSeekTable, encodeSeekTable } from "../frames/seek-table.js";
import { compressFrame, declaredContentBytes, decompressFrame } from "../frames/zstd-frame.js";
import { decompressStream, ZstdEncoder } from "../frames/zstd-stream.js";
import { decodeLayerIndex, encodeLayerIndex, maxLayerIndexBytes } from "../layer/layer-index-codec.js";
import { encodeHead } from "../recipe/encode-instruction.js";
import type { RecipeInstruction } from "../recipe/instruction.js";
import { readRecipe } from "../recipe/read-recipe.js";
import { decodeRecording, encodeRecording } from "../startup/recording.js";
import { blobKind } from "../toc/toc.js";
import { decodeToc, encodeToc } from "../toc/toc-codec.js";
import type { FuzzTarget } from "./fuzz-codec.js";
import {
  collect,
  sampleBytes,
  sampleLayer,
  sampleLayerIndex,
  sampleRecording,
  sampleSeekTable,
  sampleToc,
} from "./samples.js";

const dataBlocks = 3;
const footerBlobBytes = 5000;

/** Every decoder of the format: as it stands, and behind the compression that would hide most damage from it. */
export async function fuzzTargets(): Promise<FuzzTarget[]> {
  const { blob } = await sampleLayer();
  const recipe = await recipeOf(blob);
  const toc = encodeToc(sampleToc());
  const index = encodeLayerIndex(sampleLayerIndex());
  const chunk = sampleBytes(8192, 7);
  const tableBounds = { dataBlocks: 13, framesEnd: 300 };
  const { encode, decode } = recipeCodec;
  return [
    target(
      "chunk frame",
      compressFrame(chunk),
      (frame) => decompressFrame(frame, chunk.length, "chunk"),
      compressFrame,
    ),
    target("footer", encodeFooter(sampleFooter()), (bytes) => decodeFooter(bytes, footerBlobBytes), encodeFooter),
    target(
      "seek table",
      encodeSeekTable(sampleSeekTable()),
      (bytes) => decodeSeekTable(bytes, tableBounds),
      encodeSeekTable,
    ),
    target("layer index", index, decodeLayerIndex, encodeLayerIndex),
    target(
      "layer index, inside",
      contentOf(index),
      (raw) => decodeLayerIndex(compressFrame(raw)),
      (value) => contentOf(encodeLayerIndex(value)),
    ),
    target("TOC", toc, (bytes) => decodeToc(bytes), encodeToc),
    target(
      "TOC, inside",
      contentOf(toc),
      (raw) => decodeToc(compressFrame(raw)),
      (value) => contentOf(encodeToc(value)),
    ),
    target("recording", encodeRecording(sampleRecording()), decodeRecording, encodeRecording),
    target("recipe", recipe, decode, (value) => compressStream(encode(value))),
    target(
      "recipe, inside",
      await collect(decompressStream([recipe], "recipe")),
      (raw) => decode(compressStream(raw)),
      encode,
    ),
    target(
      "layer blob",
      blob,
      async (bytes) => ({ bytes, parts: await readBlob(bytes) }),
      ({ bytes }) => bytes,
    ),
  ];
}

function target<T>(
  name: string,
  seed: Uint8Array,
  decode: (input: Uint8Array) => T | Promise<T>,
  encode: (value: T) => Uint8Array,
): FuzzTarget {
  return {
    name,
    seed,
    async roundTrip(input) {
      const value = await decode(input);
      return { first: textOf(value), again: textOf(await decode(encode(value))) };
    },
  };
}

const textOf = (value: unknown): string =>
  inspect(value, { depth: 10, maxArrayLength: null, maxStringLength: null, compact: 10, breakLength: 1e6 });

const contentOf = (frame: Uint8Array): Uint8Array =>
  decompressFrame(frame, declaredContentBytes(frame, "sample"), "sample");

function compressStream(bytes: Uint8Array): Uint8Array {
  const encoder = new ZstdEncoder();
  return Buffer.concat([...encoder.push(bytes), ...encoder.end()]);
}

/** A recipe as the bytes of its instructions, with adjoining literals of one instruction joined. */
const recipeCodec = {
  async decode(payload: Uint8Array): Promise<RecipeInstruction[]> {
    const instructions: RecipeInstruction[] = [];
    for await (const instruction of readRecipe([payload], dataBlocks)) {
      const last = instructions.at(-1);
      if (instruction.kind === "literal" && last?.kind === "literal") {
        instructions.pop();
        instructions.push({ kind: "literal", bytes: joined([last.bytes, instruction.bytes]) });
      } else if (instruction.kind === "literal") {
        instructions.push({ kind: "literal", bytes: joined([instruction.bytes]) });
      } else instructions.push(instruction);
    }
    return instructions;
  },
  encode(instructions: readonly RecipeInstruction[]): Uint8Array {
    return joined(
      instructions.flatMap((instruction) =>
        instruction.kind === "literal" ? [encodeHead(instruction), instruction.bytes] : [encodeHead(instruction)],
      ),
    );
  },
};

const joined = (pieces: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(pieces));

function sampleFooter(): ReturnType<typeof footerOf> {
  return footerOf({
    kind: blobKind.layer,
    framesEnd: footerBlobBytes - 192 - (8 + 48 * 4) - (8 + 60) - (8 + 70),
    dataBlocks: 13,
    seekTable: sampleSeekTable(),
    index: payloadOf(sampleBytes(60, 1)),
    recipe: payloadOf(sampleBytes(70, 2)),
  });
}

const inMemory = (bytes: Uint8Array): RemoteBlob => ({
  sizeBytes: bytes.length,
  read: async ({ start, end }) => bytes.subarray(start, end),
});

async function recipeOf(bytes: Uint8Array): Promise<Uint8Array> {
  const footer = await readFooter(inMemory(bytes), undefined);
  if (footer.recipe === undefined) throw new Error("the sample is a layer blob and has a recipe");
  return readWholeSection(inMemory(bytes), footer.recipe, "recipe", 1000);
}

async function readBlob(bytes: Uint8Array): Promise<unknown[]> {
  const blob = inMemory(bytes);
  const footer = await readFooter(blob, undefined);
  const parts: unknown[] = [footer, await readSeekTable(blob, footer)];
  if (footer.index !== undefined) {
    parts.push(decodeLayerIndex(await readWholeSection(blob, footer.index, "layer index", maxLayerIndexBytes)));
  }
  if (footer.recipe !== undefined) {
    const payload = readSection(blob, footer.recipe, "recipe");
    for await (const { kind } of readRecipe(payload, footer.dataBlocks)) parts.push(kind);
  }
  return parts;
}
