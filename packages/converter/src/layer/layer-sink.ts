import {
  blockSizeBytes,
  type EntryType,
  entryType,
  LayerIndexBuilder,
  maxLayerIndexBytes,
  type NewLayerEntry,
  type RecipeSpool,
} from "@sluice/disk";
import { TarFieldError } from "../tar/errors.js";
import type { SparsePiece } from "../tar/sparse.js";
import type { TarEntry } from "../tar/tar-entry.js";
import type { TarSink } from "../tar/tar-scanner.js";
import type { ContentSpool } from "./content-spool.js";
import { noEntry, StoredFiles, type StoredRun } from "./stored-files.js";

/** Leaves room for header and padding of the index. Bytes. */
const maxIndexBytes = maxLayerIndexBytes - 1024;
/** Of all sparse files of a layer: each piece is held in memory until the layer is written. */
const maxSparsePieces = 500_000;

/** Is told the steps of the tar recipe, files by row of {@link StoredFiles}. The bytes of literals are valid during the call. */
export type RecipeSteps = Pick<RecipeSpool, "literal" | "file">;

/** Sorts what the scanner reads into the layer index, the spool of contents and the steps of the recipe. */
export class LayerSink implements TarSink {
  readonly index: LayerIndexBuilder = new LayerIndexBuilder();
  readonly files: StoredFiles = new StoredFiles();
  readonly #spool: ContentSpool;
  readonly #recipe: RecipeSteps | undefined;
  #file = 0;
  #offset = 0;
  #sparsePieces = 0;
  #sparse: SparseContent | undefined;

  /** @param recipe left out when nobody asks for it */
  constructor(spool: ContentSpool, recipe?: RecipeSteps) {
    this.#spool = spool;
    this.#recipe = recipe;
  }

  literal(bytes: Uint8Array): void {
    this.#recipe?.literal(bytes);
  }

  entry(entry: TarEntry): void {
    const row = entry.type === "ignored" ? noEntry : this.index.append(indexed(entry, entry.type));
    this.#checkBudget(entry);
    this.#offset = 0;
    this.#sparse = undefined;
    const isFile = entry.type === entryType.file;
    const sizeBytes = isFile ? entry.sizeBytes : entry.storedBytes;
    if (sizeBytes === 0) return;
    this.#file = this.files.add(isFile ? row : noEntry, sizeBytes, this.#spool.blocks);
    if (entry.pieces !== undefined) this.#sparse = new SparseContent(this.#spool, entry.pieces);
  }

  #checkBudget({ pieces }: TarEntry): void {
    if (this.index.sizeBytes > maxIndexBytes) {
      throw new TarFieldError(
        `with the entries before it more than ${maxLayerIndexBytes} bytes of names and attributes`,
      );
    }
    this.#sparsePieces += pieces?.length ?? 0;
    if (this.#sparsePieces > maxSparsePieces) {
      throw new TarFieldError(`with the entries before it more than ${maxSparsePieces} pieces of sparse files`);
    }
  }

  content(bytes: Uint8Array): void {
    if (this.#sparse !== undefined) {
      for (const [offset, sizeBytes] of this.#sparse.add(bytes)) this.#recipe?.file(this.#file, offset, sizeBytes);
      return;
    }
    this.#spool.append(bytes);
    this.#recipe?.file(this.#file, this.#offset, bytes.length);
    this.#offset += bytes.length;
  }

  entryEnd(): void {
    this.#spool.padTo();
    if (this.#sparse !== undefined) this.files.setSparse(this.#file, this.#sparse.runs);
  }
}

/** Spelled out, because it runs for every entry and copying objects by spread is slow. */
function indexed(entry: TarEntry, type: EntryType): NewLayerEntry {
  return {
    type,
    path: entry.path,
    target: entry.target,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtimeSeconds: entry.mtimeSeconds,
    mtimeNanoseconds: entry.mtimeNanoseconds,
    sizeBytes: entry.sizeBytes,
    rdevMajor: entry.deviceMajor,
    rdevMinor: entry.deviceMinor,
    xattrs: entry.xattrs,
  };
}

/** Puts the stored pieces of a sparse file at their places in the blocks of the spool; holes take no room. */
class SparseContent {
  readonly #spool: ContentSpool;
  readonly #pieces: readonly SparsePiece[];
  readonly #runs: StoredRun[] = [];
  #piece = 0;
  #inPiece = 0;
  /** First block behind the last run, which is still open. */
  #nextFileBlock = 0;
  #end = 0;

  constructor(spool: ContentSpool, pieces: readonly SparsePiece[]) {
    this.#spool = spool;
    this.#pieces = pieces;
  }

  get runs(): readonly StoredRun[] {
    return this.#runs;
  }

  /** @returns where in the file the bytes belong: offset and length of each part */
  *add(bytes: Uint8Array): Generator<readonly [number, number]> {
    for (let at = 0; at < bytes.length; ) {
      const piece = this.#pieces[this.#piece];
      if (piece === undefined) throw new RangeError("more content than the sparse map has room for");
      const part = bytes.subarray(at, at + piece.length - this.#inPiece);
      const offset = piece.offset + this.#inPiece;
      this.#place(offset, part);
      at += part.length;
      this.#inPiece += part.length;
      if (this.#inPiece === piece.length) {
        this.#piece++;
        this.#inPiece = 0;
      }
      yield [offset, part.length];
    }
  }

  #place(offset: number, part: Uint8Array): void {
    const block = Math.floor(offset / blockSizeBytes);
    const sameBlock = this.#runs.length > 0 && block === this.#nextFileBlock - 1 && this.#end % blockSizeBytes !== 0;
    if (!sameBlock) this.#open(block);
    if (offset % blockSizeBytes > 0) this.#spool.padTo(offset % blockSizeBytes);
    this.#spool.append(part);
    this.#end = offset + part.length;
    this.#extendTo(Math.ceil(this.#end / blockSizeBytes));
  }

  #open(block: number): void {
    this.#spool.padTo();
    if (this.#runs.length > 0 && block === this.#nextFileBlock) return;
    this.#runs.push({ fileBlock: block, spoolBlock: this.#spool.blocks, blocks: 0 });
    this.#nextFileBlock = block;
  }

  #extendTo(fileBlock: number): void {
    const run = this.#runs.pop();
    if (run !== undefined) this.#runs.push({ ...run, blocks: fileBlock - run.fileBlock });
    this.#nextFileBlock = fileBlock;
  }
}
