import { RecipeSpool } from "@sluice/disk";
import { type AbortOptions, type Digest, Hasher, hashOfDigest } from "@sluice/oci";
import { TarScanner } from "../tar/tar-scanner.js";
import { ContentSpool } from "./content-spool.js";
import { FileWriter } from "./file-writer.js";
import { LayerSink } from "./layer-sink.js";
import type { TemporaryFile } from "./temporary-file.js";

export interface ScanTarOptions extends AbortOptions {
  /** Takes the contents of files. */
  readonly contents: TemporaryFile;
  /** Takes the steps of the recipe; left out when nobody asks for it. */
  readonly recipe?: TemporaryFile | undefined;
  /** Told of tar bytes as they are read. */
  readonly onRead?: ((bytes: number) => void) | undefined;
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
  const sink = new LayerSink(spool);
  const scanner = new TarScanner(sink);
  const hasher = new Hasher();
  const recipe = options.recipe && new RecipeFile(options.recipe);
  for await (const piece of tar) {
    options.signal?.throwIfAborted();
    hasher.update(piece);
    scanner.write(piece);
    await recipe?.take(sink);
    sink.takeSteps();
    await spool.settle();
    options.onRead?.(piece.length);
  }
  scanner.end();
  const diffId = hasher.digest();
  await recipe?.finish(diffId);
  await spool.flush();
  return { sink, spool, tarBytes: hasher.sizeBytes, diffId };
}

/** The steps of the recipe in a file, until it is known where the files lie. */
class RecipeFile {
  readonly #writer: FileWriter;
  readonly #spool: RecipeSpool;

  constructor({ handle, path }: TemporaryFile) {
    this.#writer = new FileWriter(handle, path);
    this.#spool = new RecipeSpool((piece) => this.#writer.append(piece));
  }

  async take(sink: LayerSink): Promise<void> {
    for (const step of sink.takeSteps()) {
      if (step.kind === "literal") await this.#spool.literal(step.bytes);
      else await this.#spool.file(step.file, step.offset, step.sizeBytes);
    }
    await this.#writer.settle();
  }

  async finish(diffId: Digest): Promise<void> {
    await this.#spool.finish(hashOfDigest(diffId));
    await this.#writer.flush();
  }
}
