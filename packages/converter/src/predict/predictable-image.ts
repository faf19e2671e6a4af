import type { MergedTree } from "@sluice/disk";
import type { ImageConfig } from "@sluice/oci";

/** An image whose layers are merged and whose files can be read, to predict what its start reads. */
export interface PredictableImage {
  readonly tree: MergedTree;
  readonly config: ImageConfig;
  /** Where the data of each layer start on the disk. Blocks. */
  readonly layerStartBlocks: readonly number[];
  /** Bytes `[offset, offset + length)` of a file, which lie inside it. What it throws ends the prediction and is thrown on. */
  read(inode: number, offset: number, length: number): Promise<Uint8Array>;
}
