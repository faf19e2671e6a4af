// The keys of a node's configuration.

export {
  type FetchConfig,
  type LogLevel,
  type NodeConfig,
  nodeConfigSchema,
  parseNodeConfig,
  type StoreBudget,
  type TrustPolicyName,
} from "./config/node-config.js";
export { parseBytes, parseDurationMs, parseShare } from "./config/quantity.js";
