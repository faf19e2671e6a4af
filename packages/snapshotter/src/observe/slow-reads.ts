import type { ChunkWait, WaitStage } from "@sluice/store";
import type { OpenDisk } from "../disks/open-disk.js";
import type { Logger } from "./log.js";

/** A person at a terminal begins to wonder. Milliseconds. */
const defaultSlowMs = 1000;

const causes: Readonly<Record<WaitStage, string>> = {
  disk: "the disk of the store was slow",
  queue: "other requests to registries went first",
  retry: "requests to the registry failed and were made again",
  registry: "the registry was slow to answer",
  transfer: "the bytes came slowly",
  decompression: "decompression took long",
  daemon: "the daemon or its machine was busy",
};

/**
 * The same disk, with a log line for each read that took long: how long, and what most of that went into. A read that fails is not logged here: whoever answers it with EIO
 * does that.
 */
export function watchSlowReads(disk: OpenDisk, log: Logger, slowMs: number = defaultSlowMs): OpenDisk {
  return {
    ...disk,
    read: async (offset, length, options) => {
      const askedMs = performance.now();
      const sinceMs = options?.sinceMs ?? askedMs;
      let longest: ChunkWait | undefined;
      const onWaited = (wait: ChunkWait): void => {
        if (longest === undefined || wait.totalMs > longest.totalMs) longest = wait;
      };
      const bytes = await disk.read(offset, length, { ...options, onWaited });
      const ms = performance.now() - sinceMs;
      if (ms >= slowMs) {
        const { cause, ...facts } = explain(askedMs - sinceMs, longest);
        log.warn({ disk: disk.digest, offset, length, ms: Math.round(ms), cause, ...facts }, `slow read: ${cause}`);
      }
      return bytes;
    },
  };
}

interface Explanation {
  readonly cause: string;
  /** What it went into, the longest first. */
  readonly stagesMs?: Readonly<Record<string, number>>;
  /** Why the chunk was on its way already. */
  readonly joined?: string;
  readonly failure?: string;
}

/** @param restartMs from the start of this process until the kernel asked it for what it had asked the one before */
function explain(restartMs: number, wait: ChunkWait | undefined): Explanation {
  const stages: [string, number][] = Object.entries(wait?.stagesMs ?? { daemon: 0 }); // of a chunk that nobody had to wait for
  if (restartMs > 0) stages.push(["restart", restartMs]);
  stages.sort(([, a], [, b]) => b - a);
  const [[most] = ["daemon"]] = stages;
  const rounded = stages.map(([stage, ms]) => [stage, Math.round(ms)] as const).filter(([, ms]) => ms > 0);
  return {
    cause: most === "restart" ? "the daemon was restarted" : causeOf(most as WaitStage, wait), // all others are stages
    stagesMs: Object.fromEntries(rounded),
    ...(wait?.joined !== undefined && { joined: wait.joined }),
    ...(wait?.failure !== undefined && { failure: wait.failure }),
  };
}

function causeOf(stage: WaitStage, wait: ChunkWait | undefined): string {
  const failed = stage === "retry" && wait?.failure !== undefined ? ` (${wait.failure})` : "";
  const joined = wait?.joined === undefined ? "" : ` for a fetch that was under way (${wait.joined})`;
  return `${causes[stage]}${failed}${joined}`;
}
