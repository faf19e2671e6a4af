import type { AbortOptions } from "@sluice/oci";
import type { LowerLease } from "../mounts/lowers.js";
import type { StreamedLayer } from "./snapshot-record.js";
import type { StreamedLayers } from "./streamed-layers.js";

/** The merged disks below snapshots that are mounted, or may be: each is mounted from the first time that somebody asks until its snapshot is gone. */
export class LowerHolds {
  readonly #streamed: StreamedLayers;
  readonly #held = new Map<number, Promise<LowerLease>>();
  #isClosed = false;

  constructor(streamed: StreamedLayers) {
    this.#streamed = streamed;
  }

  /** Where the disk below snapshot `id` is mounted. One that could not be mounted is tried again at the next call. */
  async path(id: number, layer: StreamedLayer, options?: AbortOptions): Promise<string> {
    const known = this.#held.get(id);
    const held = known ?? this.#streamed.acquire(layer, options);
    if (!known) {
      this.#held.set(id, held);
      held.catch(() => this.#held.delete(id));
    }
    const { path } = await held;
    if (this.#isClosed) await this.release(id);
    return path;
  }

  async release(id: number): Promise<void> {
    const held = this.#held.get(id);
    this.#held.delete(id);
    const lease = await held?.catch(() => undefined); // whoever asked for it was told
    await lease?.release();
  }

  /** Lets go of all of them. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#held.keys()].map((id) => this.release(id)));
  }
}
