import { runKeeper } from "../keeper/keeper.js";
import { daemonEnvironment, keeperPlan } from "./daemon-plan.js";

/**
 * Keeps the daemon of `root` alive from this very process until it is stopped by its API, SIGTERM or SIGINT. Its log goes to stderr.
 *
 * @param entry as for `ensureDaemon`
 * @returns the exit status
 */
export async function keepDaemon(root: string, entry: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return await runKeeper(keeperPlan(root, entry, "stderr"), daemonEnvironment(env));
}
