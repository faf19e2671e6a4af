/** How a container is started: after pulling all of it, on the lazy mount of an empty node, on that of a node that ran it before. */
export const benchModes = ["full", "streamed", "warm"] as const;
export type BenchMode = (typeof benchModes)[number];
