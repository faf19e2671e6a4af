import type { ResourceLimits } from "node:worker_threads";

/** What threads hold for long are buffers outside of V8's heap; left to itself, its young generation takes 16 MiB and more a thread for nothing. */
export const threadLimits: ResourceLimits = { maxYoungGenerationSizeMb: 8 };
