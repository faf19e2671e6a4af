import type { MergedTree } from "@sluice/disk";
import type { ImageConfig } from "@sluice/oci";
import type { BlobFile } from "../layer/write-blob.js";
import { predictStartup } from "../predict/predict-startup.js";
import { DiskBlocks } from "./disk-blocks.js";
import type { DiskBlobs, ReadableToc } from "./disk-chunk.js";
import { fileReader } from "./file-reader.js";
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

/** Writes the startup blob of what a start of the image is expected to read into `target`. Equal images give equal blobs. @returns undefined when nothing is expected */
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
  return await writeStartupBlob(withinBudget(runs, toc, image.budgetBytes), toc, blobs, target, options);
}
