import type { DiskRun } from "@sluice/disk";
import type { DiskMap } from "./disk-map.js";

/** Who is told of what comes into the store for the start of one disk. */
export class Arrivals {
  readonly #map: DiskMap;
  readonly #listeners: Set<(runs: readonly DiskRun[]) => void> = new Set();

  constructor(map: DiskMap) {
    this.#map = map;
  }

  /** See `OpenDisk.onArrived`. */
  listen(listener: (runs: readonly DiskRun[]) => void): () => void {
    this.#listeners.add(listener);
    const { startup, metadata } = this.#map.startChunks();
    const here = [...metadata, ...startup].filter((chunk) => this.#map.isStored(chunk));
    const runs = here.flatMap((chunk) => this.#map.runsOf(chunk));
    if (runs.length > 0) listener(runs);
    return () => this.#listeners.delete(listener);
  }

  /** A chunk came into the store before anybody had asked for it. @returns whether somebody was told */
  add(chunk: number): boolean {
    const runs = this.#map.runsOf(chunk);
    if (runs.length === 0) return false;
    for (const listener of this.#listeners) listener(runs);
    return this.#listeners.size > 0;
  }
}
