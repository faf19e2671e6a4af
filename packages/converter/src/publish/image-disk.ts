import { DiskRegions, type LayerIndex, type MergedTree, mergeLayers, planErofs, writeErofs } from "@sluice/disk";
import type { Digest } from "@sluice/oci";

/** What the disk of an image is made of. */
export interface DiskLayer {
  readonly digest: Digest;
  readonly index: LayerIndex;
}

/** The metadata region of an image's disk. */
export interface ImageDisk {
  readonly metadataBlocks: number;
  readonly diskBlocks: number;
  readonly tree: MergedTree;
  /** Where the data of each layer start. */
  readonly layerStartBlocks: readonly number[];
  /** The metadata in disk order, in pieces of whole blocks. */
  metadata(): Iterable<Uint8Array>;
}

/** Merges the layers, the bottom one first, and lays out the disk. Equal layers give equal disks. @throws {InvalidLayerError} */
export function imageDisk(layers: readonly DiskLayer[]): ImageDisk {
  const tree = mergeLayers(layers.map(({ index }) => index));
  const plan = planErofs(tree);
  const regions = new DiskRegions();
  regions.place("metadata", plan.blocks);
  const layerStartBlocks = layers.map(({ digest, index }) => regions.place(digest, index.dataBlocks));
  const { diskBlocks } = regions;
  return {
    metadataBlocks: plan.blocks,
    diskBlocks,
    tree,
    layerStartBlocks,
    metadata: () => writeErofs(plan, { layerStartBlocks, diskBlocks }),
  };
}
