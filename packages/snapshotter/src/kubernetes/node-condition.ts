import { timeOf } from "./meta-time.js";

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
