import { NotStreamableError } from "../resolve/not-streamable.js";
import { readPool } from "./pool-file.js";

/** The node's pool, and the file that says what holds for it. */
export interface PoolConfig {
  readonly name: string;
  readonly file: string;
}

/**
 * Whether the pool of this node streams, asked anew for each image: a change counts for the next pull or start, and leaves what runs alone. A pool that
 * cannot be read does not stream.
 *
 * @throws {NotStreamableError} POOL_DISABLED
 */
export async function requireStreamingPool(pool: PoolConfig | undefined): Promise<void> {
  if (pool === undefined) return;
  const { enabled } = await profileOf(pool);
  if (enabled) return;
  throw new NotStreamableError("POOL_DISABLED", `streaming is off for the node pool ${pool.name} (${pool.file})`);
}

async function profileOf({ name, file }: PoolConfig): Promise<{ readonly enabled: boolean }> {
  try {
    return (await readPool(file, name)).artifactStreamingProfile;
  } catch (error) {
    throw new NotStreamableError("POOL_DISABLED", error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}
