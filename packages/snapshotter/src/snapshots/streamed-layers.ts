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
}

/** What snapshots need of streaming. */
export interface StreamedLayers {
  /** What the layer can be shown from, so that it need not be fetched. Undefined: unpack it as usual. Never rejects: streaming breaks no pull. */
  claim(offer: LayerOffer, options?: AbortOptions): Promise<StreamedLayer | undefined>;
  /** Mounts the chain that ends in this layer, merged into one tree. */
  acquire(layer: StreamedLayer, options?: AbortOptions): Promise<LowerLease>;
  /** What is on this node of the layer. */
  usage(layer: StreamedLayer): Promise<SnapshotUsage>;
  /** Frees what was made for streamed layers and belongs to none of the `needed` artifacts. */
  collect(needed: readonly Digest[]): Promise<void>;
}
