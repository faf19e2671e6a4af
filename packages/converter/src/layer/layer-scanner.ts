import type { LayerIndex } from "@sluice/disk";
import type { AbortOptions, Digest, LayerCompression } from "@sluice/oci";
import type { PlannedChunks } from "./planned-chunks.js";
import type { NamedFile } from "./temporary-file.js";

/** A layer to scan, and the files that take what is in it. They stay their opener's, and open until the scan is over. */
export interface ScanJob {
  readonly digest: Digest;
  readonly compression: LayerCompression;
  /** What its tar must hash to. */
  readonly diffId: Digest;
  readonly contents: NamedFile;
  readonly spooledRecipe: NamedFile;
  readonly recipe: NamedFile;
}

/** The recipe in its file. */
export interface WrittenRecipe {
  readonly sizeBytes: number;
  readonly sha256: Uint8Array;
}

/** What the first pass finds: everything of a layer blob but its frames, in arrays that threads can hand each other. */
export interface ScannedTar {
  readonly index: LayerIndex;
  /** The payload of the index section. */
  readonly encodedIndex: Uint8Array;
  /** Where the blocks of the chunks are in the file of contents. */
  readonly chunks: PlannedChunks;
  readonly tarBytes: number;
}

export interface LayerScan extends ScannedTar {
  /** Is written after the rest is known, while chunks are compressed. Rejects as {@link LayerScanner.scan} does. */
  readonly recipe: Promise<WrittenRecipe>;
}

/** Does the first pass over layers, several at once. Whoever does it, the same tar gives the same scan. */
export interface LayerScanner extends AsyncDisposable {
  /** More than these wait for one another. */
  readonly maxScans: number;
  /**
   * `content` is read no faster than it is scanned. When the promise rejects nothing touches the files any more.
   *
   * @throws {LayerInvalidError} when the layer is damaged, hostile or not the one that the config names
   * @throws {DiskFullError}; the signal's reason; errors of `content` as they are
   */
  scan(job: ScanJob, content: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<LayerScan>;
}
