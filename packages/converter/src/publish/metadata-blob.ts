import { blobKind, metadataChunkBlocks } from "@sluice/disk";
import type { AbortOptions } from "@sluice/oci";
import type { ChunkCompressor } from "../layer/chunk-compressor.js";
import { ContentSpool } from "../layer/content-spool.js";
import type { PlannedChunk } from "../layer/plan-chunks.js";
import { openTemporaryFile } from "../layer/temporary-file.js";
import { type BlobFile, type WrittenBlob, writeBlob } from "../layer/write-blob.js";
import type { ImageDisk } from "./image-disk.js";

export interface MetadataBlobOptions extends AbortOptions {
  readonly temporaryDirectory: string;
  readonly compressor: ChunkCompressor;
}

/** Writes the metadata blob of a disk into `target`, in chunks of equal length. docs/format.md §3 @throws {DiskFullError} */
export async function writeMetadataBlob(
  disk: ImageDisk,
  target: BlobFile,
  options: MetadataBlobOptions,
): Promise<WrittenBlob> {
  await using contents = await openTemporaryFile(options.temporaryDirectory);
  const spool = new ContentSpool(contents);
  for (const piece of disk.metadata()) {
    options.signal?.throwIfAborted();
    spool.append(piece);
    await spool.settle();
  }
  await spool.flush();
  const chunks = equalChunks(spool);
  const plan = { kind: blobKind.metadata, dataBlocks: spool.blocks, chunks, descriptor: contents.handle.fd };
  return await writeBlob(plan, target, options.compressor, { signal: options.signal });
}

function* equalChunks(spool: ContentSpool): Generator<PlannedChunk> {
  for (let start = 0; start < spool.blocks; start += metadataChunkBlocks) {
    const blocks = Math.min(metadataChunkBlocks, spool.blocks - start);
    yield { blocks, runs: isZero(spool, start, blocks) ? undefined : Float64Array.of(start, blocks) };
  }
}

function isZero(spool: ContentSpool, start: number, blocks: number): boolean {
  for (let block = start; block < start + blocks; block++) if (!spool.isZero(block)) return false;
  return true;
}
