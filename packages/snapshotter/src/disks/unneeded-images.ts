import type { AbortOptions, Digest } from "@sluice/oci";
import { type ChunkBinding, type ChunkStore, TooManyChunksError } from "@sluice/store";
import PQueue from "p-queue";
import type { Logger } from "../observe/log.js";
import { chunkClaims } from "./disk-map.js";
import type { DiskStore } from "./disk-store.js";

export interface UnneededImagesParts {
  readonly diskStore: Pick<DiskStore, "list" | "removeUnless" | "loadUnlessDamaged">;
  readonly store: Pick<ChunkStore, "bind" | "gc">;
  /** Whether somebody has the image open, will mount it again, or has containers of it. Asked in the moment in which it would go. */
  readonly isNeeded: (artifact: Digest) => boolean;
  readonly log: Logger;
}

/** Takes images off the node that nobody needs any more, and the chunks that no other image of the node has. */
export class UnneededImages {
  readonly #parts: UnneededImagesParts;
  /** Were needed when they should have gone. */
  readonly #waiting = new Set<Digest>();
  readonly #collections = new PQueue({ concurrency: 1 });

  constructor(parts: UnneededImagesParts) {
    this.#parts = parts;
  }

  /** Those that are needed go when they are closed and nobody needs them. Never rejects: what stays takes room, and `store gc` tries again. */
  async leave(artifacts: readonly Digest[]): Promise<void> {
    for (const artifact of artifacts) this.#waiting.add(artifact);
    try {
      if ((await this.remove(artifacts)) > 0) await this.collectChunks();
    } catch (error) {
      this.#parts.log.error({ err: error }, "a removed image still takes room; store gc tries again");
    }
  }

  /** Call when an image's disk was closed. */
  onClosed(artifact: Digest): void {
    if (this.#waiting.has(artifact)) void this.leave([artifact]);
  }

  /** @returns how many of them went */
  async remove(artifacts: readonly Digest[]): Promise<number> {
    let removed = 0;
    for (const artifact of artifacts) {
      const isGone = await this.#parts.diskStore.removeUnless(artifact, () => this.#parts.isNeeded(artifact));
      if (!isGone) continue;
      this.#waiting.delete(artifact);
      removed++;
    }
    return removed;
  }

  /** Removes the chunks of no image that the node remembers. @returns bytes given back to the disk */
  async collectChunks(options?: AbortOptions): Promise<number> {
    return await this.#collections.add(async () => {
      const kept: ChunkBinding[] = [];
      try {
        for (const artifact of await this.#parts.diskStore.list()) {
          const binding = await this.#chunksOf(artifact, options);
          if (binding) kept.push(binding);
        }
        return await this.#parts.store.gc(options);
      } finally {
        for (const binding of kept) await binding.close();
      }
    });
  }

  async #chunksOf(artifact: Digest, options?: AbortOptions): Promise<ChunkBinding | undefined> {
    const stored = await this.#parts.diskStore.loadUnlessDamaged(artifact);
    if (!stored) return undefined;
    const { ids, lengths } = chunkClaims(stored.image.toc);
    try {
      return await this.#parts.store.bind(ids, lengths, options);
    } catch (error) {
      if (error instanceof TooManyChunksError) return undefined; // they are fetched again
      throw error;
    }
  }
}
