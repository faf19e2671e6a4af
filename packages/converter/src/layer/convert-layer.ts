import {
  blobKind,
  encodeLayerIndex,
  encodeRecipe,
  type LayerIndex,
  payloadOf,
  RecipeSpool,
  type SectionPayload,
} from "@sluice/disk";
import {
  type AbortOptions,
  type Digest,
  DigestMismatchError,
  Hasher,
  hashOfDigest,
  type LayerCompression,
} from "@sluice/oci";
import { LayerInvalidError, TarInvalidError } from "../tar/errors.js";
import { TarScanner } from "../tar/tar-scanner.js";
import type { ChunkCompressor } from "./chunk-compressor.js";
import { ContentSpool } from "./content-spool.js";
import { type DataOrder, orderData } from "./data-order.js";
import { firstEqualFiles } from "./equal-files.js";
import { FileWriter } from "./file-writer.js";
import { LayerSink } from "./layer-sink.js";
import { planChunks } from "./plan-chunks.js";
import { readPieces } from "./read-pieces.js";
import type { StoredFiles } from "./stored-files.js";
import { openTemporaryFile, type TemporaryFile } from "./temporary-file.js";
import { DecompressionError, unpacked } from "./unpacked.js";
import { type BlobFile, type WrittenBlob, writeBlob } from "./write-blob.js";

/** A layer as a registry holds it. */
export interface SourceLayer {
  readonly digest: Digest;
  readonly compression: LayerCompression;
  /** What its tar must hash to, from the image's config. */
  readonly diffId: Digest;
  /** The bytes as pulled; their digest is the source's to check. */
  readonly content: AsyncIterable<Uint8Array>;
}

export interface ConvertedLayer extends WrittenBlob {
  readonly index: LayerIndex;
  /** Length of the tar. Bytes. */
  readonly uncompressedBytes: number;
}

export interface ConvertLayerOptions extends AbortOptions {
  /** For temporary files, about as large as the tar. */
  readonly temporaryDirectory: string;
  readonly compressor: ChunkCompressor;
  /** Told of tar bytes as they are read. */
  readonly onRead?: ((bytes: number) => void) | undefined;
}

/**
 * Writes the layer blob of one layer into `target`: a pure function of the tar. Two passes: the tar is scanned and its contents are
 * spooled; then, when all files are known, they are put in order, cut and compressed. Memory does not depend on the size of files.
 *
 * @throws {LayerInvalidError} when the layer is damaged, hostile or not the one that the config names
 * @throws {DiskFullError}
 */
export async function convertLayer(
  source: SourceLayer,
  target: BlobFile,
  options: ConvertLayerOptions,
): Promise<ConvertedLayer> {
  await using contents = await openTemporaryFile(options.temporaryDirectory);
  await using recipe = await openTemporaryFile(options.temporaryDirectory);
  const scan = await scanLayer(source, contents, recipe, options);
  const { sink, spool } = scan;
  const unplaced = sink.index.finish(0);
  const order = orderData(sink.files, firstEqualFiles(sink.files, spool), unplaced);
  const index = placed(unplaced, sink.files, order);
  await using finalRecipe = await openTemporaryFile(options.temporaryDirectory);
  const blob = await writeBlob(
    {
      kind: blobKind.layer,
      dataBlocks: order.dataBlocks,
      chunks: planChunks(plannedFiles(sink.files, order), spool),
      descriptor: contents.handle.fd,
      index: payloadOf(encodeLayerIndex(index)),
      recipe: await recipePayload(recipe, finalRecipe, order.startBlock),
    },
    target,
    options.compressor,
    { signal: options.signal },
  );
  return { ...blob, index, uncompressedBytes: scan.tarBytes };
}

interface LayerScan {
  readonly sink: LayerSink;
  readonly spool: ContentSpool;
  readonly tarBytes: number;
}

async function scanLayer(
  source: SourceLayer,
  contents: TemporaryFile,
  recipeFile: TemporaryFile,
  options: ConvertLayerOptions,
): Promise<LayerScan> {
  const spool = new ContentSpool(contents);
  const sink = new LayerSink(spool);
  const scanner = new TarScanner(sink);
  const hasher = new Hasher();
  const recipeWriter = new FileWriter(recipeFile.handle, recipeFile.path);
  const recipe = new RecipeSpool((piece) => recipeWriter.append(piece));
  try {
    for await (const piece of unpacked(source.content, source.compression, options)) {
      options.signal?.throwIfAborted();
      hasher.update(piece);
      scanner.write(piece);
      for (const step of sink.takeSteps()) {
        if (step.kind === "literal") await recipe.literal(step.bytes);
        else await recipe.file(step.file, step.offset, step.sizeBytes);
      }
      await spool.settle();
      await recipeWriter.settle();
      options.onRead?.(piece.length);
    }
    scanner.end();
  } catch (error) {
    throw error instanceof TarInvalidError || error instanceof DecompressionError
      ? new LayerInvalidError(source.digest, error.message, { cause: error })
      : error;
  }
  const diffId = hasher.digest();
  if (diffId !== source.diffId) {
    const cause = new DigestMismatchError("tar", source.diffId, diffId);
    throw new LayerInvalidError(
      source.digest,
      `its tar has DiffID ${diffId}, the image's config says ${source.diffId}`,
      {
        cause,
      },
    );
  }
  await recipe.finish(hashOfDigest(diffId));
  await Promise.all([spool.flush(), recipeWriter.flush()]);
  return { sink, spool, tarBytes: hasher.sizeBytes };
}

/** The index with the places of the files in it. */
function placed(index: LayerIndex, files: StoredFiles, order: DataOrder): LayerIndex {
  const startBlock = index.startBlock.slice();
  for (let file = 0; file < files.count; file++) {
    const entry = files.entry(file);
    if (entry < startBlock.length) startBlock[entry] = order.startBlock[file] ?? 0;
  }
  return { ...index, startBlock, dataBlocks: order.dataBlocks };
}

function* plannedFiles(
  files: StoredFiles,
  order: DataOrder,
): Generator<Parameters<typeof planChunks>[0] extends Iterable<infer F> ? F : never> {
  for (const file of order.files) yield { blocks: files.blocks(file), runs: files.runs(file) };
}

/** The recipe with the places of the files in it, by way of a file, because the size must be known before the first byte. */
async function recipePayload(
  spooled: TemporaryFile,
  final: TemporaryFile,
  startBlock: Uint32Array,
): Promise<SectionPayload> {
  const writer = new FileWriter(final.handle, final.path);
  const hasher = new Hasher();
  for await (const piece of encodeRecipe(readPieces(spooled.handle), startBlock)) {
    hasher.update(piece);
    writer.append(piece);
    await writer.settle();
  }
  await writer.flush();
  return { sizeBytes: hasher.sizeBytes, sha256: hashOfDigest(hasher.digest()), pieces: readPieces(final.handle) };
}
