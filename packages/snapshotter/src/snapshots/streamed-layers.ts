import type { AbortOptions, Digest } from "@sluice/oci";
import type { LowerLease } from "../mounts/lowers.js";
import type { SnapshotUsage, StreamedLayer } from "./snapshot-record.js";

/** A layer that containerd is about to fetch and unpack. */
export interface LayerOffer {
  /** Chain ID of the layer with all below it. */
  readonly target: string;
  /** Chain ID of what it is built on, as far as that is known; empty for the lowest. */
  readonly parentChain: string | undefined;
  readonly labels: Readonly<Record<string, string>>;
  /** Of containerd, in which the image is pulled. */
  readonly namespace?: string | undefined;
}

/** What snapshots need of streaming. */
export interface StreamedLayers {
  /**
   * Whether the layer need not be fetched, because `keep` was given what it is shown from; what `keep` throws is thrown. If not, it is unpacked as usual: streaming breaks no pull.
   *
   * @param keep notes it. Its artifact stays on the node until that is done, and then while it is noted
   */
  claim(offer: LayerOffer, keep: (layer: StreamedLayer) => Promise<void>, options?: AbortOptions): Promise<boolean>;
  /** Mounts the chain that ends in this layer, merged into one tree. */
  acquire(layer: StreamedLayer, options?: AbortOptions): Promise<LowerLease>;
  /** What is on this node of the layer. */
  usage(layer: StreamedLayer): Promise<SnapshotUsage>;
  /** Frees what was made for streamed layers and belongs to none of the artifacts that are `needed` then; of those of which the last layer was `removed`, all that the node has. */
  collect(needed: () => readonly Digest[], removed: readonly Digest[]): Promise<void>;
}
