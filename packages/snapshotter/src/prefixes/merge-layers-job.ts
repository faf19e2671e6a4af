import { createHash } from "node:crypto";
import {
  blobKind,
  DiskRegions,
  encodeBlobTail,
  footerDigest,
  footerOf,
  mergeLayers,
  planErofs,
  type SeekTable,
  SeekTableBuilder,
  writeErofs,
} from "@sluice/disk";
import type { ArtifactBlob } from "@sluice/disk/artifact";
import { blockSizeBytes, compressFrameInto, metadataChunkBlocks } from "@sluice/disk/chunks";
import { sha256Of } from "@sluice/oci";
import { readKeptIndexes } from "./kept-indexes.js";

/** Room for the frame of any chunk of metadata, whatever zstd makes of it. Bytes. */
const frameRoomBytes = metadataChunkBlocks * blockSizeBytes * 2;
const chunkBytes = metadataChunkBlocks * blockSizeBytes;

/** A layer, and the file with its index. */
export interface KeptLayer {
  readonly blob: ArtifactBlob;
  readonly path: string;
}

/** The metadata blob of layers that were merged. */
export interface MergedMetadata {
  readonly bytes: Uint8Array;
  readonly blob: ArtifactBlob;
  readonly table: SeekTable;
}

/** What a thread is to do with the layers of an image, lowest first. */
export interface MergeJob {
  readonly kind: "merge" | "prove";
  readonly layers: readonly KeptLayer[];
}

/**
 * Proves that each count of these layers can be merged, and writes nothing. A layer is applied to what the ones below it made, so all of them prove each prefix; what a tree may hold
 * at most counts what was ever added to it.
 *
 * @throws what {@link mergeKeptLayers} would
 */
export async function proveKeptLayers(layers: readonly KeptLayer[]): Promise<void> {
  const { metadata } = await laidOut(layers);
  metadata.next(); // checks before the first piece
}

/** Merges the layers, lowest first, and lays out the metadata of their tree. For a thread of its own. docs/format.md §3 */
export async function mergeKeptLayers(layers: readonly KeptLayer[]): Promise<MergedMetadata> {
  const { metadata, blocks } = await laidOut(layers);
  const rows = new SeekTableBuilder();
  const frames: Uint8Array[] = [];
  const target = new Uint8Array(frameRoomBytes);
  let framesEnd = 0;
  for (const chunk of chunksOf(metadata)) {
    const frame = target.slice(0, compressFrameInto(chunk, target));
    rows.add(framesEnd, frame.length, chunk.length / blockSizeBytes, createHash("sha256").update(chunk).digest());
    frames.push(frame);
    framesEnd += frame.length;
  }
  const table = rows.finish();
  const tail = { kind: blobKind.metadata, framesEnd, dataBlocks: blocks, seekTable: table };
  for await (const piece of encodeBlobTail(tail)) frames.push(piece);
  const joined = Buffer.concat(frames);
  const bytes = new Uint8Array(joined); // of its own, so that it can be handed over
  const blob = { digest: sha256Of(bytes), sizeBytes: bytes.length, footerDigest: footerDigest(footerOf(tail)) };
  return { bytes, blob, table };
}

async function laidOut(layers: readonly KeptLayer[]): Promise<{ metadata: Generator<Uint8Array>; blocks: number }> {
  const indexes = await readKeptIndexes(layers);
  const plan = planErofs(mergeLayers(indexes));
  const regions = new DiskRegions();
  regions.place("metadata", plan.blocks);
  const layerStartBlocks = indexes.map((index, at) => regions.place(layers[at]?.blob.digest ?? "", index.dataBlocks));
  return { metadata: writeErofs(plan, { layerStartBlocks, diskBlocks: regions.diskBlocks }), blocks: plan.blocks };
}

/** The same bytes in chunks, the last one shorter. A chunk holds until the next is asked for. */
function* chunksOf(pieces: Iterable<Uint8Array>): Generator<Uint8Array> {
  const chunk = new Uint8Array(chunkBytes);
  let filled = 0;
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const part = piece.subarray(at, at + chunkBytes - filled);
      chunk.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < chunkBytes) continue;
      yield chunk;
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
