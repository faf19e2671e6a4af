import { type RemoteBlob, SeekTableBuilder, type Toc, TocBuilder } from "@sluice/disk";
import { blockSizeBytes, compressFrame } from "@sluice/disk/chunks";
import { type ByteRange, type Digest, hashOfDigest, sha256Of } from "@sluice/oci";

/** A disk in memory. */
export interface SampleDisk {
  readonly toc: Toc;
  readonly blobs: ReadonlyMap<Digest, RemoteBlob>;
  /** Ranges that were read, in order. */
  readonly reads: ByteRange[];
  /** What the disk has in these blocks. */
  expected(startBlock: number, blocks: number): Buffer;
}

/** Blocks of a chunk as bytes to fill them with; a number is a zero chunk of so many blocks. */
export type SampleChunk = readonly number[] | number;

/** The block that is filled with `fill`: text that compresses, and tells one block from another. */
const sampleBlock = (fill: number): Buffer => Buffer.alloc(blockSizeBytes, `block ${fill} `);

/** A disk of metadata and one layer, cut into these chunks. */
export function sampleDisk(metadata: readonly SampleChunk[], layer: readonly SampleChunk[]): SampleDisk {
  const reads: ByteRange[] = [];
  const made = [metadata, layer].map((chunks, i) => blobOf(chunks, `blob ${i}`, reads));
  const [first, second] = made;
  if (first === undefined || second === undefined) throw new Error("a disk has metadata and a layer");
  const builder = new TocBuilder(sha256Of("source"), first.reference, first.table);
  const layerStart = builder.addLayer(second.reference, second.table);
  const content = new Map<number, number>();
  for (const [start, chunks] of [[0, metadata] as const, [layerStart, layer] as const]) {
    let block = start;
    for (const chunk of chunks) {
      if (typeof chunk === "number") block += chunk;
      else for (const fill of chunk) content.set(block++, fill);
    }
  }
  return {
    toc: builder.build(),
    blobs: new Map(made.map(({ reference, remote }) => [reference.digest, remote])),
    reads,
    expected: (startBlock, blocks) =>
      Buffer.concat(
        Array.from({ length: blocks }, (_, i) => {
          const fill = content.get(startBlock + i);
          return fill === undefined ? Buffer.alloc(blockSizeBytes) : sampleBlock(fill);
        }),
      ),
  };
}

function blobOf(chunks: readonly SampleChunk[], name: string, reads: ByteRange[]) {
  const table = new SeekTableBuilder();
  const frames: Uint8Array[] = [];
  let offset = 0;
  for (const chunk of chunks) {
    if (typeof chunk === "number") {
      table.addZeros(chunk);
      continue;
    }
    const bytes = Buffer.concat(chunk.map(sampleBlock));
    const frame = compressFrame(bytes);
    table.add(offset, frame.length, chunk.length, hashOfDigest(sha256Of(bytes)));
    frames.push(frame);
    offset += frame.length;
  }
  const blob = Buffer.concat(frames);
  const remote: RemoteBlob = {
    sizeBytes: blob.length,
    read: async (range) => {
      reads.push(range);
      return blob.subarray(range.start, range.end);
    },
  };
  return { reference: { digest: sha256Of(name), sizeBytes: blob.length }, table: table.finish(), remote };
}
