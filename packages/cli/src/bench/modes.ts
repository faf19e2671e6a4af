/**
 * How a container is started: after pulling all of it (`full`); on an overlay of its unpacked layers, the page cache cold (`overlay`); on the lazy mount of an empty node
 * with nothing recorded (`streamed`), with the start recorded before (`optimized`); and again on the last of these nodes, everything there but the page cache (`warm`).
 */
export const benchModes = ["full", "overlay", "streamed", "optimized", "warm"] as const;
export type BenchMode = (typeof benchModes)[number];
/** What is measured unless somebody asks for less. */
export const usualModes = "full,streamed,optimized,warm";
