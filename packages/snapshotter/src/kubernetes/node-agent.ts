import { setTimeout as sleep } from "node:timers/promises";
import type { AbortOptions } from "@sluice/oci";
import type { PullReport } from "../control/api.js";
import type { Cluster } from "./cluster.js";
import { pullEvent, stateEvent } from "./cluster-event.js";
import { conditionPatch, type NodeState } from "./node-condition.js";

export interface NodeAgentParts {
  readonly node: string;
  readonly cluster: Pick<Cluster, "patchNodeStatus" | "createEvent">;
  /** Brings the machine to what it shall be; again: nothing changes. @throws what keeps it from that */
  readonly install: () => Promise<void>;
  /** How the node does. */
  readonly look: () => Promise<NodeState>;
  /** The pulls of this node after the one with this number. */
  readonly pulls: (after: number) => Promise<readonly PullReport[]>;
  readonly onProblem: (error: unknown) => void;
  /** Between two looks. Milliseconds. */
  readonly everyMs: number;
}

/** Of a node that pulls a hundred images in a minute the rest waits for the next looks. */
const maxPullsAtOnce = 50;

/**
 * Until the signal fires: installs, looks, and tells the cluster. A change is an event, and so is each image that was pulled since this began; the condition is renewed at each look, so that one that is not tells of
 * an agent that is gone. A cluster that does not answer changes nothing on the machine.
 */
export async function runNodeAgent(parts: NodeAgentParts, { signal }: AbortOptions): Promise<void> {
  const isOver = (): boolean => signal?.aborted === true;
  let toldPull = Date.now();
  let known: { readonly state: NodeState; readonly since: Date } | undefined;
  while (!isOver()) {
    const state = await stateOf(parts);
    const now = new Date();
    const isNew = known?.state.ready !== state.ready || known.state.reason !== state.reason;
    if (known === undefined || isNew) known = { state, since: now };
    try {
      await parts.cluster.patchNodeStatus(parts.node, conditionPatch(state, now, known.since), { signal });
      if (isNew) await parts.cluster.createEvent(stateEvent(parts.node, state, now), { signal });
      if (state.ready) toldPull = await tellPulls(parts, toldPull, signal);
    } catch (error) {
      if (isOver()) return;
      parts.onProblem(error);
    }
    await sleep(parts.everyMs, undefined, { signal }).catch(() => undefined);
  }
}

/** @returns the number of the last pull that was told */
async function tellPulls({ cluster, node, pulls }: NodeAgentParts, after: number, signal: AbortSignal | undefined) {
  let told = after;
  for (const pull of (await pulls(after)).slice(0, maxPullsAtOnce)) {
    await cluster.createEvent(pullEvent(node, pull), { signal });
    told = pull.number;
  }
  return told;
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
