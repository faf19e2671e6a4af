import type { OpenDisk } from "../disks/open-disk.js";
import type { Logger } from "./log.js";

/** A person at a terminal begins to wonder. Milliseconds. */
const defaultSlowMs = 1000;

/**
 * The same disk, with a log line for each read that took long, and how. A read that fails is not logged here: whoever answers it with EIO does that.
 */
export function watchSlowReads(disk: OpenDisk, log: Logger, slowMs: number = defaultSlowMs): OpenDisk {
  return {
    ...disk,
    read: async (offset, length, options) => {
      const start = performance.now();
      const bytes = await disk.read(offset, length, options);
      const ms = Math.round(performance.now() - start);
      if (ms >= slowMs) {
        log.warn({ disk: disk.digest, offset, length, ms }, "slow read: its chunks had to be fetched");
      }
      return bytes;
    },
  };
}
