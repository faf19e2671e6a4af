import type { FileHandle } from "node:fs/promises";
import {
  type BlobFooter,
  type BlobKind,
  blobKind,
  encodeBlobTail,
  footerDigest,
  footerOf,
  type SectionPayload,
  type SeekTable,
  SeekTableBuilder,
} from "@sluice/disk";
import { type AbortOptions, type Digest, Hasher } from "@sluice/oci/content";
import type { ChunkCompressor, CompressedChunk } from "./chunk-compressor.js";
import { FileWriter } from "./file-writer.js";
import type { PlannedChunk } from "./plan-chunks.js";

/** A blob that is to be written. */
export interface BlobPlan {
  readonly kind: BlobKind;
  readonly dataBlocks: number;
  readonly chunks: Iterable<PlannedChunk>;
  /** Of the temporary file in which the chunks' blocks are. */
  readonly descriptor: number;
  /** Of zstd; that of layers when left out. */
  readonly level?: number;
  /** Layers only. */
  readonly index?: SectionPayload;
  /** Layers only. Needed when the chunks are written. */
  readonly recipe?: Promise<SectionPayload>;
}

export interface WrittenBlob {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly footer: BlobFooter;
  readonly footerDigest: Digest;
  readonly seekTable: SeekTable;
}

/** Where the blob goes. `path` is for messages. */
export interface BlobFile {
  readonly handle: FileHandle;
  readonly path: string;
}

export interface WriteBlobOptions extends AbortOptions {
  /** Told of blocks of the data space as they are written. */
  readonly onBlocks?: ((blocks: number) => void) | undefined;
}

/**
 * Compresses the chunks and writes the blob. Frames stand in the order of the data space, whatever order they were ready in.
 *
 * @throws {DiskFullError}
 */
export async function writeBlob(
  plan: BlobPlan,
  target: BlobFile,
  compressor: ChunkCompressor,
  options: WriteBlobOptions = {},
): Promise<WrittenBlob> {
  const frames = new FrameWriter(new FileWriter(target.handle, target.path), plan.kind !== blobKind.startup);
  const [recipe] = await Promise.all([plan.recipe, writeFrames(plan, frames, compressor, options)]);
  const tail = {
    kind: plan.kind,
    framesEnd: frames.sizeBytes,
    dataBlocks: plan.dataBlocks,
    seekTable: frames.seekTable(),
    ...(plan.index !== undefined && { index: plan.index }),
    ...(recipe !== undefined && { recipe }),
  };
  const footer = footerOf(tail);
  for await (const piece of encodeBlobTail(tail)) await frames.append(piece);
  const { digest, sizeBytes } = await frames.finish();
  return { digest, sizeBytes, footer, footerDigest: footerDigest(footer), seekTable: tail.seekTable };
}

type InFlight = { readonly zeros: number } | { readonly chunk: Promise<CompressedChunk> };

async function writeFrames(
  plan: BlobPlan,
  frames: FrameWriter,
  compressor: ChunkCompressor,
  options: WriteBlobOptions,
): Promise<void> {
  const inFlight: InFlight[] = [];
  const writeOldest = async (): Promise<void> => {
    const oldest = inFlight.shift();
    if (oldest === undefined) return;
    if ("zeros" in oldest) {
      frames.zeros(oldest.zeros);
      options.onBlocks?.(oldest.zeros);
      return;
    }
    const chunk = await oldest.chunk;
    await frames.chunk(chunk);
    chunk.release();
    options.onBlocks?.(chunk.blocks);
  };
  for (const { blocks, runs } of plan.chunks) {
    options.signal?.throwIfAborted();
    if (inFlight.length >= compressor.maxInFlight) await writeOldest();
    inFlight.push(runs === undefined ? { zeros: blocks } : { chunk: started(compressor, plan, blocks, runs, options) });
  }
  while (inFlight.length > 0) await writeOldest();
}

function started(
  compressor: ChunkCompressor,
  { descriptor, level }: BlobPlan,
  blocks: number,
  runs: Float64Array,
  options: AbortOptions,
): Promise<CompressedChunk> {
  const chunk = compressor.compress({ descriptor, blocks, runs, level }, options);
  chunk.catch(() => undefined); // awaited in its turn, unless an earlier one failed
  return chunk;
}

interface Place {
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Appends frames and hashes the blob on the way. */
class FrameWriter {
  readonly #writer: FileWriter;
  readonly #hasher = new Hasher();
  readonly #table = new SeekTableBuilder();
  readonly #storesOnce: boolean;
  readonly #places = new Map<string, Place>();

  /** @param storesOnce a repeated chunk has the frame that came first; in a startup blob, which is read from end to end, each has its own */
  constructor(writer: FileWriter, storesOnce: boolean) {
    this.#writer = writer;
    this.#storesOnce = storesOnce;
  }

  get sizeBytes(): number {
    return this.#writer.sizeBytes;
  }

  seekTable(): SeekTable {
    return this.#table.finish();
  }

  zeros(blocks: number): void {
    this.#table.addZeros(blocks);
  }

  async chunk({ blocks, sha256, frame }: CompressedChunk): Promise<void> {
    const id = Buffer.from(sha256).toString("latin1");
    let place = this.#places.get(id);
    if (place === undefined || !this.#storesOnce) {
      place = { offset: this.sizeBytes, sizeBytes: frame.length };
      this.#places.set(id, place);
      await this.append(frame);
    }
    this.#table.add(place.offset, place.sizeBytes, blocks, sha256);
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#hasher.update(bytes);
    this.#writer.append(bytes);
    await this.#writer.settle();
  }

  async finish(): Promise<{ readonly digest: Digest; readonly sizeBytes: number }> {
    await this.#writer.flush();
    return { digest: this.#hasher.digest(), sizeBytes: this.sizeBytes };
  }
}
