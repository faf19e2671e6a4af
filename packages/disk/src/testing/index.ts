export * from "./dump-tree.js";
export { type FuzzOutcome, type FuzzTarget, fuzzCodec } from "./fuzz-codec.js";
export { fuzzTargets } from "./fuzz-targets.js";
export * from "./layer-of.js";
export * from "./startup-table.js";
