import { join } from "node:path";
import { blockSizeBytes, decodeRecording } from "@sluice/disk";
import type { AbortOptions } from "@sluice/oci";
import { CompressorPool } from "./layer/compressor-pool.js";
import { openTemporaryFile } from "./layer/temporary-file.js";
import type { ImagePlace } from "./source/image-place.js";
import { diskBlobs } from "./startup/disk-blobs.js";
import { recordedLevel, writeStartupBlob } from "./startup/startup-blob.js";
import { findConverted, readToc } from "./verify/artifact-reader.js";

export interface MeasureOptions extends AbortOptions {
  /** Data root; a temporary file of the size of what was read lies below it. */
  readonly root: string;
}

/** What one start read. Bytes. */
export interface RecordedReads {
  /** Whole pages with data. */
  readonly pagesBytes: number;
  /** The same pages and nothing else, compressed as a recorded startup blob is. */
  readonly compressedBytes: number;
}

/**
 * How much a recorded start read, and how much of it a link must carry at least.
 *
 * @param document a recording as docs/format.md §7 has it
 * @throws {InvalidFormatError} {ConversionError}
 */
export async function measureRecording(
  { repository, target, reference }: ImagePlace,
  document: Uint8Array,
  { root, signal }: MeasureOptions,
): Promise<RecordedReads> {
  const { artifact } = await findConverted({ repository, target, reference }, { signal });
  const toc = await readToc(repository, artifact, { signal });
  const temporaryDirectory = join(root, "tmp");
  await using compressor = new CompressorPool();
  await using file = await openTemporaryFile(temporaryDirectory);
  const { runs } = decodeRecording(document);
  const options = { temporaryDirectory, compressor, signal, level: recordedLevel };
  const blob = (await writeStartupBlob(runs, toc, diskBlobs(repository, artifact), file, options))?.blob;
  const frames = blob?.seekTable.compressedSize ?? new Uint32Array(0);
  return {
    pagesBytes: (blob?.footer.dataBlocks ?? 0) * blockSizeBytes,
    compressedBytes: frames.reduce((sum: number, size) => sum + size, 0),
  };
}
