import { createHash } from "node:crypto";
import { hashOfDigest, sha256Of } from "@sluice/oci/content";
import { blockSizeBytes, blocksOf } from "../blocks.js";
import { ChunkAssembler, type CutChunk } from "../chunking/chunk-assembler.js";
import { encodeBlobTail, payloadOf } from "../frames/blob-tail.js";
import { type SeekTable, SeekTableBuilder } from "../frames/seek-table.js";
import { compressFrame } from "../frames/zstd-frame.js";
import { entryType, type LayerIndex } from "../layer/layer-index.js";
import { LayerIndexBuilder, type NewLayerEntry } from "../layer/layer-index-builder.js";
import { encodeLayerIndex } from "../layer/layer-index-codec.js";
import { encodeXattrs } from "../layer/xattr-list.js";
import { encodeRecipe } from "../recipe/encode-recipe.js";
import { RecipeSpool } from "../recipe/recipe-spool.js";
import type { Recording } from "../startup/recording.js";
import { blobKind, type Toc } from "../toc/toc.js";
import { TocBuilder } from "../toc/toc-builder.js";
import { withStartup } from "../toc/with-startup.js";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

const attributes = { mode: 0o755, uid: 0, gid: 0, mtimeSeconds: 1_700_000_000, mtimeNanoseconds: 0 };

/** One entry of each type, with the corner cases of each field. Data space: 3 blocks. */
export const sampleEntries: readonly NewLayerEntry[] = [
  { ...attributes, type: entryType.directory, path: text("") },
  { ...attributes, type: entryType.directory, path: text("etc"), mtimeSeconds: -1, mtimeNanoseconds: 999_999_999 },
  { ...attributes, type: entryType.file, path: text("etc/hosts"), mode: 0o644, sizeBytes: 9000 },
  { ...attributes, type: entryType.file, path: text("etc/empty"), mtimeSeconds: 2 ** 40, uid: 2 ** 32 - 1 },
  { ...attributes, type: entryType.symlink, path: text("etc/link"), mode: 0o777, target: text("../x/./y") },
  { ...attributes, type: entryType.hardLink, path: text("etc/hard"), target: text("etc/hosts") },
  { ...attributes, type: entryType.characterDevice, path: text("null"), mode: 0o666, rdevMajor: 1, rdevMinor: 3 },
  { ...attributes, type: entryType.blockDevice, path: text("disk"), rdevMajor: 0xfff, rdevMinor: 0xf_ffff },
  { ...attributes, type: entryType.fifo, path: Uint8Array.of(0xff, 0xfe) },
  { ...attributes, type: entryType.whiteout, path: text("gone") },
  { ...attributes, type: entryType.opaque, path: text("etc") },
  {
    ...attributes,
    type: entryType.file,
    path: text("ping"),
    mode: 0o4755,
    xattrs: encodeXattrs([
      { name: text("user.empty"), value: new Uint8Array(0) },
      { name: text("security.capability"), value: Uint8Array.of(1, 0, 0, 2, 0, 32, 0, 0) },
    ]),
  },
];

/** The index of {@link sampleEntries}. */
export function sampleLayerIndex(): LayerIndex {
  const builder = new LayerIndexBuilder();
  for (const entry of sampleEntries) builder.append(entry);
  builder.setStartBlock(2, 0);
  return builder.finish(3);
}

/** Bytes that do not compress to nothing and are the same everywhere. */
export function sampleBytes(sizeBytes: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  let state = seed + 1;
  for (let at = 0; at < sizeBytes; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 26;
  }
  return bytes;
}

/** Two chunks, a zero chunk, and the first chunk again. Data space: 13 blocks; frames: 300 bytes. */
export function sampleSeekTable(): SeekTable {
  const builder = new SeekTableBuilder();
  const first = hashOfDigest(sha256Of("first"));
  builder.add(0, 100, 2, first);
  builder.add(100, 200, 1, hashOfDigest(sha256Of("second")));
  builder.addZeros(8);
  builder.add(0, 100, 2, first);
  return builder.finish();
}

/** Metadata, two layers, an empty layer and a startup blob. */
export function sampleToc(): Toc {
  const blob = (name: string): { digest: ReturnType<typeof sha256Of>; sizeBytes: number } => ({
    digest: sha256Of(name),
    sizeBytes: 1000,
  });
  const table = sampleSeekTable();
  const builder = new TocBuilder(sha256Of("source"), blob("metadata"), table);
  builder.addLayer(blob("layer 0"), table);
  builder.addLayer(blob("empty layer"), new SeekTableBuilder().finish());
  const second = builder.addLayer(blob("layer 1"), table);
  const startup = new SeekTableBuilder();
  startup.add(0, 40, 1, hashOfDigest(sha256Of("startup 0")));
  startup.add(40, 70, 2, hashOfDigest(sha256Of("startup 1")));
  startup.add(110, 30, 1, hashOfDigest(sha256Of("startup 2")));
  const chunks = {
    ...startup.finish(),
    firstPiece: Uint32Array.of(0, 1, 3, 4),
    pieceStartBlock: Uint32Array.of(second + 1, 0, second + 5, 2),
    pieceBlocks: Uint32Array.of(1, 1, 1, 1),
    prefetch: Uint32Array.of(9, 4),
  };
  return withStartup(builder.build(), { blob: blob("startup"), chunks });
}

/** A start that read the disk of {@link sampleToc}: data, then metadata. */
export function sampleRecording(): Recording {
  return {
    disk: { metadata: sha256Of("metadata"), layers: [sha256Of("layer 0"), sha256Of("empty layer")] },
    seconds: 2.5,
    runs: [
      { startBlock: 262_144, blocks: 3, milliseconds: 0 },
      { startBlock: 0, blocks: 1, milliseconds: 12.5 },
    ],
  };
}

/** A layer whose tar is a header of 512 times `h`, the content of `etc/hosts`, padding and 1024 zeros. */
export interface SampleLayer {
  readonly blob: Uint8Array;
  readonly tar: Uint8Array;
  readonly data: Uint8Array;
}

/** A whole layer blob, as a converter writes it. */
export async function sampleLayer(): Promise<SampleLayer> {
  const content = sampleBytes(9000, 1);
  const tar = Buffer.concat([Buffer.alloc(512, "h"), content, Buffer.alloc(216), Buffer.alloc(1024)]);
  const spooled: Uint8Array[] = [];
  const spool = new RecipeSpool((piece) => void spooled.push(piece.slice()));
  spool.literal(tar.subarray(0, 512));
  spool.file(0, 0, content.length);
  spool.zeros(216 + 1024);
  spool.finish(createHash("sha256").update(tar).digest());
  const recipe = await collect(encodeRecipe(spooled, Uint32Array.of(0)));
  const data = new Uint8Array(blocksOf(content.length) * blockSizeBytes);
  data.set(content);
  const { frames, table } = compressed(cut(data));
  const tail = encodeBlobTail({
    kind: blobKind.layer,
    framesEnd: frames.length,
    dataBlocks: 3,
    seekTable: table,
    index: payloadOf(encodeLayerIndex(sampleLayerIndex())),
    recipe: payloadOf(recipe),
  });
  return { blob: Buffer.concat([frames, await collect(tail)]), tar, data };
}

/** All pieces of a stream; each is copied, as it may be valid only until the next. */
export async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const copies: Uint8Array[] = [];
  for await (const piece of pieces) copies.push(new Uint8Array(piece));
  return new Uint8Array(Buffer.concat(copies));
}

function cut(data: Uint8Array): CutChunk[] {
  const assembler = new ChunkAssembler();
  assembler.startFile(data.length / blockSizeBytes);
  return [...assembler.push(data), ...assembler.finish()];
}

function compressed(chunks: readonly CutChunk[]): { frames: Uint8Array; table: SeekTable } {
  const builder = new SeekTableBuilder();
  const frames: Uint8Array[] = [];
  let offset = 0;
  for (const { blocks, bytes } of chunks) {
    if (bytes === undefined) {
      builder.addZeros(blocks);
      continue;
    }
    const frame = compressFrame(bytes);
    builder.add(offset, frame.length, blocks, createHash("sha256").update(bytes).digest());
    offset += frame.length;
    frames.push(frame);
  }
  return { frames: Buffer.concat(frames), table: builder.finish() };
}
