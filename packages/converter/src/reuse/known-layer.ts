import type { LayerIndex, SeekTable } from "@sluice/disk";
import type { ArtifactLayer } from "@sluice/disk/artifact";
import type { AbortOptions, Descriptor, Digest } from "@sluice/oci";
import { localBlob } from "../layer/local-blob.js";
import { readPieces } from "../layer/read-pieces.js";
import type { BlobSource } from "../publish/push-blobs.js";
import { maxTarBytes } from "../source/max-tar-bytes.js";
import { openBlob, openedBlob, readIndex } from "../verify/artifact-reader.js";
import { proveLayer } from "../verify/prove-layer.js";
import type { EarlierLayer } from "./earlier-layers.js";
import type { OpenLayer } from "./layer-cache.js";

/** A layer blob that is ready to be merged and pushed. */
export interface AcquiredLayer {
  readonly layer: ArtifactLayer;
  readonly index: LayerIndex;
  readonly seekTable: SeekTable;
  /** It was converted before. */
  readonly reused: boolean;
  /** Where its bytes are. */
  readonly blob: BlobSource;
}

/** A layer of the image, and what its tar must hash to. */
export interface WantedLayer {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

/** A layer from the cache of this host, whose bytes the cache has checked. The file must stay open until it is pushed. */
export async function cachedLayer(file: OpenLayer, options?: AbortOptions): Promise<AcquiredLayer> {
  const { layer, handle } = file;
  const { digest, sizeBytes } = layer;
  const opened = await openedBlob(localBlob(handle, sizeBytes), layer, options);
  const content = (): AsyncIterable<Uint8Array> => readPieces(handle, 0, sizeBytes);
  const blob = { digest, sizeBytes, content, from: undefined };
  return { layer, index: await readIndex(opened, options), seekTable: opened.seekTable, reused: true, blob };
}

/**
 * A layer from an artifact in a repository, once it is proven to be the conversion of the wanted tar. docs/adr/0007-reuse.md
 *
 * @throws whatever is wrong with it
 */
export async function provenLayer(
  { layer, repository }: EarlierLayer,
  { descriptor, diffId }: WantedLayer,
  options: AbortOptions & { readonly temporaryDirectory: string },
): Promise<AcquiredLayer | undefined> {
  const { digest, sizeBytes, uncompressedBytes } = layer;
  if (layer.diffId !== diffId || uncompressedBytes > maxTarBytes(descriptor)) return undefined;
  const opened = await openBlob(repository, layer, options);
  const index = await readIndex(opened, options);
  const proven = await proveLayer(opened, index, { ...options, tarBytes: uncompressedBytes });
  if (proven !== diffId) return undefined;
  const content = (): AsyncIterable<Uint8Array> => repository.readBlob({ digest, size: sizeBytes }, options);
  const blob = { digest, sizeBytes, content, from: repository };
  return { layer, index, seekTable: opened.seekTable, reused: true, blob };
}
