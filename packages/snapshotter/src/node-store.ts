import { breakChunkStoreLock, type ChunkStore, openChunkStore, StoreLockedError } from "@sluice/store";
import type { NodeConfig } from "./config/node-config.js";
import type { Logger } from "./observe/log.js";
import { DaemonRunningError } from "./process/daemon-file.js";
import type { NodePaths } from "./state/node-paths.js";
import { isAlive, type ProcessIdentity } from "./state/process-identity.js";
import { budgetBytesOf } from "./store-budget.js";
import { waitForEnd } from "./takeover/previous-daemon.js";

/** How long a daemon that was killed may take to let go of its store. Milliseconds. */
const maxDyingMs = 5000;

/**
 * Opens the chunk store of a data root.
 *
 * @param previous who had the store before; when it was killed it is given time to let go, and when the kernel holds it back, because it waits for a read that this
 *   daemon is to answer, its lock is taken from it
 * @throws {DaemonRunningError} when a living process has it
 */
export async function openNodeStore(
  paths: NodePaths,
  config: NodeConfig,
  log: Logger,
  previous: ProcessIdentity | undefined,
): Promise<ChunkStore> {
  if (previous && previous.pid !== process.pid && !(await isAlive(previous))) {
    const remains = await waitForEnd(previous, maxDyingMs);
    if (remains !== "gone") log.warn({ previous, remains }, "a killed daemon still waits inside the kernel");
    if (remains === "doomed") await breakChunkStoreLock(paths.store);
  }
  try {
    return await openChunkStore({
      folder: paths.store,
      budgetBytes: await budgetBytesOf(config.store.budget, paths.root),
      onEvent: ({ level, message, kind, cause }) =>
        log[level]({ kind, ...(cause !== undefined && { err: cause }) }, message),
    });
  } catch (error) {
    if (!(error instanceof StoreLockedError)) throw error;
    throw new DaemonRunningError(paths.root, error.message, { cause: error });
  }
}
