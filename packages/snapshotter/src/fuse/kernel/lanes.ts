import PQueue from "p-queue";

/** How many threads libuv's pool has when the environment names no number. */
const defaultPoolThreads = 4;

/** How many calls of a kind may hold a thread of libuv's pool at once. */
export interface LaneWidths {
  readonly mounts: number;
  readonly unmounts: number;
}

/**
 * Of a pool of `threads`: half for mounts, a quarter for unmounts, the rest stays free. A mount(2) waits for bytes that this very process brings, and whoever
 * brings them needs the pool, too: for names of hosts, for files, for zlib. Were every thread inside mount(2), none of them would ever end.
 */
export const laneWidths = (threads: number): LaneWidths => ({
  mounts: Math.max(1, Math.floor(threads / 2)),
  unmounts: Math.max(1, Math.floor(threads / 4)),
});

/** Threads of the pool, by what the environment said when the process started. libuv reads the same. */
export function poolThreads(uvThreadPoolSize: string | undefined): number {
  const threads = Number(uvThreadPoolSize);
  return Number.isInteger(threads) && threads > 0 ? Math.min(threads, 1024) : defaultPoolThreads;
}

const widths = laneWidths(poolThreads(process.env["UV_THREADPOOL_SIZE"]));
const mounts = new PQueue({ concurrency: widths.mounts });
const unmounts = new PQueue({ concurrency: widths.unmounts });

/** Runs a call that may wait for a disk of ours, when its turn comes. */
export const inMountLane = <T>(call: () => Promise<T>): Promise<T> => mounts.add(call);

/** Runs an unmount when its turn comes; mounts that wait are not in its way. */
export const inUnmountLane = <T>(call: () => Promise<T>): Promise<T> => unmounts.add(call);
