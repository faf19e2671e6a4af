import type { HeldLayers } from "../control/api.js";
import type { SnapshotIndex } from "./snapshot-index.js";
import { type SnapshotRecord, targetLabel } from "./snapshot-record.js";

/** Of the namespace in which CRI keeps its images. containerd's metadata names a snapshot `NAMESPACE/NUMBER/NAME`. */
const criPrefix = "k8s.io/";

/** How the layers up to the one with this chain ID are held. Where it was both unpacked for CRI and streamed for somebody else, CRI's counts. */
export function heldLayers(index: SnapshotIndex, chainId: string): HeldLayers {
  const isLayer = (record: SnapshotRecord): boolean =>
    record.kind === "committed" && (record.labels[targetLabel] === chainId || record.name.endsWith(`/${chainId}`));
  const found = [...index.all()].filter(isLayer);
  const top = found.find(({ name }) => name.startsWith(criPrefix)) ?? found[0];
  const chain = top === undefined ? [] : [top, ...index.chain(top)];
  const streamed = chain.filter((record) => record.streamed !== undefined).length;
  return { streamed, unpacked: chain.length - streamed };
}
