import { encodeLayerIndex, encodeRecipe } from "@sluice/disk";
import { type AbortOptions, DigestMismatchError, Hasher, hashOfDigest } from "@sluice/oci/content";
import { LayerInvalidError, TarInvalidError } from "../tar/errors.js";
import { FileWriter } from "./file-writer.js";
import type { ScanJob, ScannedTar, WrittenRecipe } from "./layer-scanner.js";
import { planLayer } from "./plan-layer.js";
import { plannedChunksOf } from "./planned-chunks.js";
import { readPieces } from "./read-pieces.js";
import { scanTar, type TarScan } from "./scan-tar.js";
import { DecompressionError, unpacked } from "./unpacked.js";

/** A scanned tar, and the first block in the data space of each of its files, which {@link writeRecipe} needs. */
export interface PlacedTar extends ScannedTar {
  readonly startBlock: Uint32Array;
}

/** The first pass over a layer, in this thread and keeping it busy. Throws as `LayerScanner.scan`. */
export async function scanLayer(
  job: ScanJob,
  content: AsyncIterable<Uint8Array>,
  options?: AbortOptions,
): Promise<PlacedTar> {
  const scan = await scanContent(job, content, options);
  if (scan.diffId !== job.diffId) {
    const problem = `its tar has DiffID ${scan.diffId}, the image's config says ${job.diffId}`;
    throw new LayerInvalidError(job.digest, problem, {
      cause: new DigestMismatchError("tar", job.diffId, scan.diffId),
    });
  }
  const { index, startBlock, chunks } = planLayer(scan);
  return {
    index,
    encodedIndex: encodeLayerIndex(index),
    chunks: plannedChunksOf(chunks),
    tarBytes: scan.tarBytes,
    startBlock,
  };
}

/** The recipe with the places of the files in it, by way of a file, because its size must be known before its first byte. */
export async function writeRecipe(
  { spooledRecipe, recipe }: Pick<ScanJob, "spooledRecipe" | "recipe">,
  startBlock: Uint32Array,
): Promise<WrittenRecipe> {
  const writer = new FileWriter(recipe.handle, recipe.path);
  const hasher = new Hasher();
  for await (const piece of encodeRecipe(readPieces(spooledRecipe.handle), startBlock)) {
    hasher.update(piece);
    writer.append(piece);
    await writer.settle();
  }
  await writer.flush();
  return { sizeBytes: hasher.sizeBytes, sha256: hashOfDigest(hasher.digest()) };
}

async function scanContent(
  { digest, compression, contents, spooledRecipe }: ScanJob,
  content: AsyncIterable<Uint8Array>,
  options?: AbortOptions,
): Promise<TarScan> {
  const tar = unpacked(content, compression, options);
  try {
    return await scanTar(tar, { contents, recipe: spooledRecipe, signal: options?.signal });
  } catch (error) {
    throw error instanceof TarInvalidError || error instanceof DecompressionError
      ? new LayerInvalidError(digest, error.message, { cause: error })
      : error;
  }
}
