import {
  decodeLayerIndex,
  InvalidFormatError,
  type LayerIndex,
  layerIndexBytes,
  maxLayerIndexBytes,
} from "@sluice/disk";
import type { ArtifactBlob } from "@sluice/disk/artifact";
import { readKeptIndex } from "./layer-indexes.js";

/**
 * The indexes of layers that are to be merged, lowest first: all of them are in memory at once.
 *
 * @param maxBytes of all together; by default as much as of one
 * @throws {InvalidFormatError} when they take more, or one is damaged
 */
export async function readKeptIndexes(
  layers: readonly { readonly blob: ArtifactBlob; readonly path: string }[],
  maxBytes: number = maxLayerIndexBytes,
): Promise<LayerIndex[]> {
  const indexes: LayerIndex[] = [];
  let bytes = 0;
  for (const { blob, path } of layers) {
    const payload = await readKeptIndex(path, blob);
    bytes += layerIndexBytes(payload);
    if (bytes > maxBytes) {
      throw new InvalidFormatError(
        "layer indexes",
        "size of those that are merged",
        `at most ${maxBytes} bytes`,
        bytes,
      );
    }
    indexes.push(decodeLayerIndex(payload));
  }
  return indexes;
}
