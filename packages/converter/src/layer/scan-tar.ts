import { RecipeSpool } from "@sluice/disk";
import { type AbortOptions, type Digest, Hasher, hashOfDigest } from "@sluice/oci/content";
import { TarScanner } from "../tar/tar-scanner.js";
import { ContentSpool } from "./content-spool.js";
import { FileWriter } from "./file-writer.js";
import { LayerSink } from "./layer-sink.js";
import type { NamedFile } from "./temporary-file.js";

export interface ScanTarOptions extends AbortOptions {
  /** Takes the contents of files. */
  readonly contents: NamedFile;
  /** Takes the steps of the recipe, files by number; left out when nobody asks for it. */
  readonly recipe?: NamedFile | undefined;
}

/** A tar, read to its end: what is in it, and where the contents are now. */
export interface TarScan {
  readonly sink: LayerSink;
  readonly spool: ContentSpool;
  readonly tarBytes: number;
  readonly diffId: Digest;
}

/** The first pass over a layer. The pieces need to be valid until the next one only. @throws {TarInvalidError} {DiskFullError} */
export async function scanTar(tar: AsyncIterable<Buffer>, options: ScanTarOptions): Promise<TarScan> {
  const spool = new ContentSpool(options.contents);
  const recipeWriter = options.recipe && new FileWriter(options.recipe.handle, options.recipe.path);
  const recipe = recipeWriter && new RecipeSpool((piece) => recipeWriter.append(piece));
  const sink = new LayerSink(spool, recipe);
  const scanner = new TarScanner(sink);
  const hasher = new Hasher();
  for await (const piece of tar) {
    options.signal?.throwIfAborted();
    hasher.update(piece);
    scanner.write(piece);
    await recipeWriter?.settle();
    await spool.settle();
  }
  scanner.end();
  const diffId = hasher.digest();
  recipe?.finish(hashOfDigest(diffId));
  await recipeWriter?.flush();
  await spool.flush();
  return { sink, spool, tarBytes: hasher.sizeBytes, diffId };
}
