import { setTimeout as sleep } from "node:timers/promises";
import type { AbortOptions } from "@sluice/oci";
import type { Cluster } from "./cluster.js";
import { conditionPatch, type NodeState, nodeEvent } from "./node-condition.js";

export interface NodeAgentParts {
  readonly node: string;
  readonly cluster: Pick<Cluster, "patchNodeStatus" | "createEvent">;
  /** Brings the machine to what it shall be; again: nothing changes. @throws what keeps it from that */
  readonly install: () => Promise<void>;
  /** How the node does. */
  readonly look: () => Promise<NodeState>;
  readonly onProblem: (error: unknown) => void;
  /** Between two looks. Milliseconds. */
  readonly everyMs: number;
}

/**
 * Until the signal fires: installs, looks, and tells the cluster. A change is an event; the condition is renewed at each look, so that one that is not tells of
 * an agent that is gone. A cluster that does not answer changes nothing on the machine.
 */
export async function runNodeAgent(parts: NodeAgentParts, { signal }: AbortOptions): Promise<void> {
  const isOver = (): boolean => signal?.aborted === true;
  let known: { readonly state: NodeState; readonly since: Date } | undefined;
  while (!isOver()) {
    const state = await stateOf(parts);
    const now = new Date();
    const isNew = known?.state.ready !== state.ready || known.state.reason !== state.reason;
    if (known === undefined || isNew) known = { state, since: now };
    try {
      await parts.cluster.patchNodeStatus(parts.node, conditionPatch(state, now, known.since), { signal });
      if (isNew) await parts.cluster.createEvent(nodeEvent(parts.node, state, now), { signal });
    } catch (error) {
      if (isOver()) return;
      parts.onProblem(error);
    }
    await sleep(parts.everyMs, undefined, { signal }).catch(() => undefined);
  }
}

async function stateOf({ install, look, onProblem }: NodeAgentParts): Promise<NodeState> {
  try {
    await install();
  } catch (error) {
    onProblem(error);
    return { ready: false, reason: "InstallFailed", message: error instanceof Error ? error.message : String(error) };
  }
  return await look();
}
