import { blobKind, type LayerIndex, payloadOf } from "@sluice/disk";
import type { AbortOptions, Digest, LayerCompression } from "@sluice/oci";
import { OpenResources } from "../open-resources.js";
import type { ChunkCompressor } from "./chunk-compressor.js";
import type { LayerScan, LayerScanner } from "./layer-scanner.js";
import { iterateChunks } from "./planned-chunks.js";
import { readPieces } from "./read-pieces.js";
import { openTemporaryFile, type TemporaryFile } from "./temporary-file.js";
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
  readonly scanner: LayerScanner;
  readonly compressor: ChunkCompressor;
}

/** A layer after the first pass: its contents lie in temporary files until it is disposed. */
export interface ScannedLayer extends AsyncDisposable {
  readonly scan: LayerScan;
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
  await using scanned = await firstPass(source, options);
  return await secondPass(scanned, target, options);
}

/** Keeps the scanner busy. Throws as {@link convertLayer}. */
export async function firstPass(
  { content, ...layer }: SourceLayer,
  { scanner, signal, temporaryDirectory }: ConvertLayerOptions,
): Promise<ScannedLayer> {
  await using open = new OpenResources();
  const contents = open.use(await openTemporaryFile(temporaryDirectory));
  const spooledRecipe = open.use(await openTemporaryFile(temporaryDirectory));
  const recipe = open.use(await openTemporaryFile(temporaryDirectory));
  const scan = await scanner.scan({ ...layer, contents, spooledRecipe, recipe }, content, { signal });
  const kept = open.release();
  const dispose = async (): Promise<void> => {
    await scan.recipe.catch(() => undefined); // whoever needs it hears of it; the files are its until then
    await kept[Symbol.asyncDispose]();
  };
  return { scan, contents, recipe, [Symbol.asyncDispose]: dispose };
}

/** Keeps the compressor busy. @throws {DiskFullError} */
export async function secondPass(
  { scan, contents, recipe }: ScannedLayer,
  target: BlobFile,
  { compressor, signal }: ConvertLayerOptions,
): Promise<ConvertedLayer> {
  const { index, encodedIndex, chunks, tarBytes } = scan;
  const blob = await writeBlob(
    {
      kind: blobKind.layer,
      dataBlocks: index.dataBlocks,
      chunks: iterateChunks(chunks),
      descriptor: contents.handle.fd,
      index: payloadOf(encodedIndex),
      recipe: scan.recipe.then((written) => ({ ...written, pieces: readPieces(recipe.handle) })),
    },
    target,
    compressor,
    { signal },
  );
  return { ...blob, index, uncompressedBytes: tarBytes };
}
