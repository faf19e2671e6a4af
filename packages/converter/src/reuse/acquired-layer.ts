import type { LayerIndex, RemoteBlob, SeekTable } from "@sluice/disk";
import type { ArtifactLayer } from "@sluice/disk/artifact";
import type { AbortOptions } from "@sluice/oci";
import { localBlob } from "../layer/local-blob.js";
import { readPieces } from "../layer/read-pieces.js";
import type { BlobSource } from "../publish/push-blobs.js";
import { openedBlob, readIndex } from "../verify/artifact-reader.js";
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
  /** The same bytes, to read parts of. */
  readonly remote: RemoteBlob;
}

/** A layer from the cache of this host, whose bytes the cache has checked. The file must stay open until it is pushed. */
export async function cachedLayer(file: OpenLayer, options?: AbortOptions): Promise<AcquiredLayer> {
  const { layer, handle } = file;
  const { digest, sizeBytes } = layer;
  const remote = localBlob(handle, sizeBytes);
  const opened = await openedBlob(remote, layer, options);
  const content = (): AsyncIterable<Uint8Array> => readPieces(handle, 0, sizeBytes);
  const blob = { digest, sizeBytes, content, from: undefined };
  return { layer, index: await readIndex(opened, options), seekTable: opened.seekTable, reused: true, blob, remote };
}
