import type { MergedTree } from "@sluice/disk";
import type { ImageConfig } from "@sluice/oci";
import type { BlobFile } from "../layer/write-blob.js";
import { predictStartup } from "../predict/predict-startup.js";
import { DiskBlocks } from "./disk-blocks.js";
import type { DiskBlobs, ReadableToc } from "./disk-chunk.js";
import { fileReader } from "./file-reader.js";
import { prefetchRows } from "./prefetch-rows.js";
import { type StartupBlob, type StartupBlobOptions, writeStartupBlob } from "./startup-blob.js";
import { withinBudget } from "./within-budget.js";

/** A prediction jumps between directories of modules and libraries. Bytes. */
const keptBytes = 48 * 1024 * 1024;

/** An image whose blobs are at hand. */
export interface BuiltDisk {
  readonly tree: MergedTree;
  readonly layerStartBlocks: readonly number[];
  readonly config: ImageConfig;
  readonly toc: ReadableToc;
  readonly blobs: DiskBlobs;
  /** How large the startup blob may become, about. */
  readonly budgetBytes: number;
}

/** Writes the startup blob of what a start of the image is expected to read into `target`; what has no room there is named to be prefetched. Equal images give equal blobs. @returns undefined when nothing is expected */
export async function writePredictedStartup(
  image: BuiltDisk,
  target: BlobFile,
  options: StartupBlobOptions,
): Promise<StartupBlob | undefined> {
  const { tree, layerStartBlocks, config, toc, blobs } = image;
  const disk = new DiskBlocks(toc, blobs, options, keptBytes);
  const runs = await predictStartup({
    ...{ tree, layerStartBlocks, config },
    read: fileReader(tree, layerStartBlocks, disk),
  });
  const { kept, rest } = withinBudget(runs, toc, image.budgetBytes);
  const startup = await writeStartupBlob(kept, toc, blobs, target, options);
  return startup && { ...startup, chunks: { ...startup.chunks, prefetch: prefetchRows(rest, toc) } };
}
