import type { LayerIndex } from "../layer/layer-index.js";
import { applyLayer } from "./apply-layer.js";
import { freezeTree } from "./freeze-tree.js";
import type { MergedTree } from "./merged-tree.js";
import { WorkingTree } from "./working-tree.js";

/**
 * The file system that `layers`, the bottom one first, make together. No layers: an empty root. Any prefix of an image's layers
 * is a file system, too. Nothing is kept of `layers`, which must have passed `checkLayerIndex`.
 *
 * @throws {InvalidLayerError} naming the layer and the path, when a layer cannot be applied (hard link to nothing, loop of
 *   symlinks, name too long)
 */
export function mergeLayers(layers: readonly LayerIndex[]): MergedTree {
  const tree = new WorkingTree(layers);
  layers.forEach((index, layer) => {
    applyLayer(tree, index, layer);
  });
  return freezeTree(tree);
}
