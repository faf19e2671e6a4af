/** What the cluster is told of streaming on a node. */
export interface NodeState {
  readonly ready: boolean;
  /** One word in CamelCase, for programs. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
}

const conditionType = "ArtifactStreamingReady";

/** Kubernetes cuts nothing; a message of a condition is read on one screen. Characters. */
const maxMessageLength = 1024;

/** The body of a strategic merge patch of `nodes/NAME/status`: sets our condition, and leaves those of others. */
export function conditionPatch(state: NodeState, now: Date, changedAt: Date): object {
  return {
    status: {
      conditions: [
        {
          type: conditionType,
          status: state.ready ? "True" : "False",
          reason: state.reason,
          message: state.message.slice(0, maxMessageLength),
          lastHeartbeatTime: timeOf(now),
          lastTransitionTime: timeOf(changedAt),
        },
      ],
    },
  };
}

/** An event about a node, as core/v1 has it. */
export function nodeEvent(node: string, state: NodeState, now: Date): object {
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { generateName: "sluice-node-", namespace: "default" },
    involvedObject: { apiVersion: "v1", kind: "Node", name: node, uid: node },
    type: state.ready ? "Normal" : "Warning",
    reason: state.reason,
    message: state.message.slice(0, maxMessageLength),
    source: { component: "sluice-node", host: node },
    firstTimestamp: timeOf(now),
    lastTimestamp: timeOf(now),
    count: 1,
  };
}

/** metav1.Time has whole seconds. */
const timeOf = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, "Z");
