import { randomUUID } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import type { AbortOptions, ContentDigest } from "@sluice/oci";
import { lock, type PostgresClient, type Query } from "./postgres-client.js";

export interface RemovalTimings {
  /** A removal is given up after so long. Milliseconds. */
  readonly removalMs: number;
  /**
   * So long after it began, a removal of which nobody has said that it ended counts as ended: its process died, or lost the database. Much longer
   * than {@link removalMs}: for requests on their way, and for a process that stood still. Milliseconds.
   */
  readonly leaseMs: number;
  /** For how long a link waits for a removal, which takes a moment, and how often it looks. Milliseconds. */
  readonly waitMs: number;
  readonly pollMs: number;
}
export const defaultRemovalTimings: RemovalTimings = { removalMs: 20_000, leaseMs: 120_000, waitMs: 5_000, pollMs: 50 };

/**
 * Keeps links of a blob and the removal of its bytes apart, over all processes. A removal is a row, written before the first byte goes: a lock would
 * end with its connection, and the removal go on.
 */
export class PostgresBlobRemovals {
  readonly #client: PostgresClient;
  readonly #timings: RemovalTimings;

  constructor(client: PostgresClient, timings: RemovalTimings) {
    this.#client = client;
    this.#timings = timings;
  }

  /** Runs `link` in a transaction if `isStored` tells that the bytes are there. @returns false if they are not, or may be about to go */
  async link(
    digest: ContentDigest,
    isStored: () => Promise<boolean>,
    link: (query: Query) => Promise<void>,
    options?: AbortOptions,
  ): Promise<boolean> {
    const { waitMs, pollMs } = this.#timings;
    for (const giveUpAtMs = performance.now() + waitMs; ; ) {
      options?.signal?.throwIfAborted();
      const outcome = await this.#client.transaction(async (query) => {
        await lock(query, `blob ${digest}`);
        const going = "select 1 from blob_removals where digest = $1 and ends_at > clock_timestamp()";
        if ((await query(going, [digest])).length > 0) return "going";
        if (!(await isStored())) return "gone";
        await link(query);
        return "linked";
      });
      if (outcome !== "going" || performance.now() > giveUpAtMs) return outcome === "linked";
      await setTimeout(pollMs, undefined, { signal: options?.signal });
    }
  }

  /** As `MetadataStore.whileUnlinked`. */
  async whileUnlinked(
    digest: ContentDigest,
    remove: (options: AbortOptions) => Promise<void>,
    options?: AbortOptions,
  ): Promise<boolean> {
    options?.signal?.throwIfAborted();
    const { removalMs, leaseMs } = this.#timings;
    const late = AbortSignal.timeout(removalMs);
    const remover = randomUUID();
    const isNoted = await this.#client.transaction(async (query) => {
      await lock(query, `blob ${digest}`);
      await query("delete from blob_removals where ends_at <= clock_timestamp()");
      const noted = await query(
        `insert into blob_removals select $1, $2, clock_timestamp() + $3 * interval '1 millisecond'
         where not exists (select 1 from blobs where digest = $1) on conflict do nothing returning 1`,
        [digest, remover, leaseMs],
      );
      return noted.length > 0;
    });
    if (!isNoted) return false;
    await remove({ signal: options?.signal ? AbortSignal.any([options.signal, late]) : late });
    await this.#client.query("delete from blob_removals where digest = $1 and remover = $2", [digest, remover]);
    return true;
  }
}
