import { realpathSync } from "node:fs";
import { defaultDevices, type KeeperPlan } from "../keeper/keeper-plan.js";
import { NodePaths } from "../state/node-paths.js";

/** Chunks on their way are large and die young: collected early, they are tens of megabytes less. For V8; MiB. */
const smallYoungGeneration = "--max-semi-space-size=2";
/**
 * For glibc (mallopt(3)): a buffer of a chunk is a mapping of its own and goes back to the system when it is freed. Left to itself, malloc raises the
 * threshold and keeps holes of hundreds of megabytes.
 */
const largeBuffersGoBack = {
  MALLOC_ARENA_MAX: "1",
  MALLOC_MMAP_THRESHOLD_: "65536",
  MALLOC_TRIM_THRESHOLD_: "131072",
} as const;
/** Threads of libuv's pool in the daemon: room for mounts that wait for a slow registry beside everything else. See fuse/kernel/lanes.ts */
const poolThreads = "16";

/** The daemon's command line. @param entry the program's entry file and the words that make it run the daemon */
export const daemonCommand = (entry: readonly string[]): readonly string[] => [
  process.execPath,
  smallYoungGeneration,
  ...entry,
];

/** The daemon's environment: that of `env`, which wins, and what keeps it small. */
export const daemonEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  UV_THREADPOOL_SIZE: poolThreads,
  ...largeBuffersGoBack,
  ...env,
});

/** What the keeper of a data root is told. */
export function keeperPlan(root: string, entry: readonly string[], log: KeeperPlan["log"]): KeeperPlan {
  const paths = new NodePaths(realRoot(root));
  return {
    command: daemonCommand(entry),
    commandFile: paths.nextCommand,
    mountpoint: paths.session,
    devices: defaultDevices,
    log,
  };
}

/** The root as the daemon knows it. */
export function realRoot(root: string): string {
  try {
    return realpathSync(root);
  } catch {
    return root; // the daemon makes it
  }
}
