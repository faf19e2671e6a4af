import { type LayerIndex, type MergedTree, mergeLayers, planErofs, regionStarts, writeErofs } from "@sluice/disk";
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
  /** The metadata in disk order, in pieces of whole blocks. */
  metadata(): Iterable<Uint8Array>;
}

/** Merges the layers, the bottom one first, and lays out the disk. Equal layers give equal disks. @throws {InvalidLayerError} */
export function imageDisk(layers: readonly DiskLayer[]): ImageDisk {
  const tree = mergeLayers(layers.map(({ index }) => index));
  const plan = planErofs(tree);
  const distinct = [...new Map(layers.map(({ digest, index }) => [digest, index.dataBlocks]))];
  const starts = regionStarts([plan.blocks, ...distinct.map(([, blocks]) => blocks)]);
  const startOf = new Map(distinct.map(([digest], i) => [digest, starts[i + 1] ?? 0]));
  let diskBlocks = plan.blocks;
  for (const [i, [, blocks]] of distinct.entries()) if (blocks > 0) diskBlocks = (starts[i + 1] ?? 0) + blocks;
  const layerStartBlocks = layers.map(({ digest }) => startOf.get(digest) ?? 0);
  return {
    metadataBlocks: plan.blocks,
    diskBlocks,
    tree,
    metadata: () => writeErofs(plan, { layerStartBlocks, diskBlocks }),
  };
}
