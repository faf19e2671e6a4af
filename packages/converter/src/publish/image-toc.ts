import {
  type BlobReference,
  type SeekTable,
  type StartupChunks,
  type Toc,
  TocBuilder,
  withStartup,
} from "@sluice/disk";
import type { Digest } from "@sluice/oci";

/** A blob and where its chunks are in it. */
export interface TabledBlob extends BlobReference {
  readonly seekTable: SeekTable;
}

/** The TOC of an image whose disk these blobs make; the layers in the image's order. */
export function imageToc(
  source: Digest,
  metadata: TabledBlob,
  layers: readonly TabledBlob[],
  startup?: { readonly blob: BlobReference; readonly chunks: StartupChunks } | undefined,
): Toc {
  const builder = new TocBuilder(source, metadata, metadata.seekTable);
  for (const layer of layers) builder.addLayer(layer, layer.seekTable);
  return withStartup(builder.build(), startup);
}
