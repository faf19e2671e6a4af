import type { PullReport } from "../control/api.js";
import { timeOf } from "./meta-time.js";
import type { NodeState } from "./node-condition.js";

/** What an event says. */
interface Said {
  readonly type: "Normal" | "Warning";
  /** One word in CamelCase, for programs. */
  readonly reason: string;
  readonly message: string;
}

/** core/v1 refuses longer ones. Bytes; cut by characters, most of which take one. */
const maxMessageLength = 1000;

/** Reasons that somebody chose: nothing is wrong on the node or in the registry. */
const chosen: ReadonlySet<string> = new Set([
  "NO_ARTIFACT",
  "POOL_DISABLED",
  "UNSUPPORTED_PLATFORM",
  "NO_SUPPORTED_PLATFORM_FOUND",
  "UNSUPPORTED_MEDIATYPE",
  "UNSUPPORTED_ARTIFACT_TYPE",
  "IMAGE_NOT_RUNNABLE",
]);

export const stateEvent = (node: string, { ready, reason, message }: NodeState, now: Date): object =>
  eventOfNode(node, { type: ready ? "Normal" : "Warning", reason, message }, now);

/** Of an image that containerd pulled. */
export function pullEvent(node: string, { number, reference, streamed, reason }: PullReport): object {
  const at = new Date(number);
  if (streamed) return eventOfNode(node, { type: "Normal", reason: "ImageStreamed", message: `${reference}` }, at);
  const { code = "UNKNOWN", message = "", cure = "" } = reason ?? {};
  const type = chosen.has(code) ? "Normal" : "Warning";
  const told = `${reference} was pulled as usual (${code}): ${message}; ${cure}`;
  return eventOfNode(node, { type, reason: "ImageNotStreamed", message: told }, at);
}

/** An event about a node, as core/v1 has it. */
function eventOfNode(node: string, { type, reason, message }: Said, at: Date): object {
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { generateName: "sluice-node-", namespace: "default" },
    involvedObject: { apiVersion: "v1", kind: "Node", name: node, uid: node },
    type,
    reason,
    message: message.slice(0, maxMessageLength),
    source: { component: "sluice-node", host: node },
    firstTimestamp: timeOf(at),
    lastTimestamp: timeOf(at),
    count: 1,
  };
}
