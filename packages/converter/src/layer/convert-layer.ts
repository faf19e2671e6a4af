import {
  blobKind,
  encodeLayerIndex,
  encodeRecipe,
  type LayerIndex,
  payloadOf,
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
import { OpenResources } from "../open-resources.js";
import { LayerInvalidError, TarInvalidError } from "../tar/errors.js";
import type { ChunkCompressor } from "./chunk-compressor.js";
import { FileWriter } from "./file-writer.js";
import { planLayer } from "./plan-layer.js";
import { readPieces } from "./read-pieces.js";
import { scanTar, type TarScan } from "./scan-tar.js";
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
}

/** A layer after the first pass: its contents lie in temporary files until it is disposed. */
export interface ScannedLayer extends AsyncDisposable {
  readonly scan: TarScan;
  readonly contents: TemporaryFile;
  readonly recipe: TemporaryFile;
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
  await using scanned = await scanLayer(source, options);
  return await writeLayer(scanned, target, options);
}

/** The first pass: keeps this thread busy. Throws as {@link convertLayer}. */
export async function scanLayer(source: SourceLayer, options: ConvertLayerOptions): Promise<ScannedLayer> {
  await using open = new OpenResources();
  const contents = open.use(await openTemporaryFile(options.temporaryDirectory));
  const recipe = open.use(await openTemporaryFile(options.temporaryDirectory));
  const scan = await scanSource(source, contents, recipe, options);
  const kept = open.release();
  return { scan, contents, recipe, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

/** The second pass: keeps the compressor busy. @throws {DiskFullError} */
export async function writeLayer(
  { scan, contents, recipe }: ScannedLayer,
  target: BlobFile,
  options: ConvertLayerOptions,
): Promise<ConvertedLayer> {
  const { index, dataBlocks, startBlock, chunks } = planLayer(scan);
  await using finalRecipe = await openTemporaryFile(options.temporaryDirectory);
  const blob = await writeBlob(
    {
      kind: blobKind.layer,
      dataBlocks,
      chunks,
      descriptor: contents.handle.fd,
      index: payloadOf(encodeLayerIndex(index)),
      recipe: recipePayload(recipe, finalRecipe, startBlock),
    },
    target,
    options.compressor,
    { signal: options.signal },
  );
  return { ...blob, index, uncompressedBytes: scan.tarBytes };
}

async function scanSource(
  source: SourceLayer,
  contents: TemporaryFile,
  recipe: TemporaryFile,
  options: ConvertLayerOptions,
): Promise<TarScan> {
  const { signal } = options;
  const tar = unpacked(source.content, source.compression, options);
  const scan = await scanTar(tar, { contents, recipe, signal }).catch((error: unknown) => {
    throw error instanceof TarInvalidError || error instanceof DecompressionError
      ? new LayerInvalidError(source.digest, error.message, { cause: error })
      : error;
  });
  if (scan.diffId === source.diffId) return scan;
  const problem = `its tar has DiffID ${scan.diffId}, the image's config says ${source.diffId}`;
  const cause = new DigestMismatchError("tar", source.diffId, scan.diffId);
  throw new LayerInvalidError(source.digest, problem, { cause });
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
