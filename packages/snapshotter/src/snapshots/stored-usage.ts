import { setImmediate } from "node:timers/promises";
import type { Toc } from "@sluice/disk";
import { type Digest, parseDigest } from "@sluice/oci";
import type { ChunkStore } from "@sluice/store";
import { chunkClaims } from "../disks/disk-map.js";
import type { DiskStore } from "../disks/disk-store.js";
import type { SnapshotUsage, StreamedLayer } from "./snapshot-record.js";

/** containerd's CRI asks for the use of every snapshot each ten seconds. Milliseconds. */
const countedForMs = 60_000;
/** Chunks looked up without a pause: well under a millisecond. */
const chunksAtOnce = 256;

interface StoredUsageParts {
  readonly diskStore: Pick<DiskStore, "loadUnlessDamaged">;
  readonly store: Pick<ChunkStore, "has">;
}

/** What images that are streamed take on this node. */
export class StoredUsage {
  readonly #parts: StoredUsageParts;
  readonly #counted = new Map<Digest, Promise<SnapshotUsage>>();

  constructor(parts: StoredUsageParts) {
    this.#parts = parts;
  }

  /** Chunks of the image that are stored here, counted with its topmost layer; images that share a chunk each count it. */
  async of({ artifact, layers, imageLayers }: StreamedLayer): Promise<SnapshotUsage> {
    if (layers !== imageLayers) return { sizeBytes: 0, inodes: 0 };
    const known = this.#counted.get(artifact);
    if (known !== undefined) return await known;
    const usage = this.#count(artifact).finally(() => {
      setTimeout(() => this.#counted.delete(artifact), countedForMs).unref();
    });
    this.#counted.set(artifact, usage);
    return await usage;
  }

  async #count(artifact: Digest): Promise<SnapshotUsage> {
    const stored = await this.#parts.diskStore.loadUnlessDamaged(artifact);
    return stored ? await countStored(stored.image.toc, this.#parts.store) : { sizeBytes: 0, inodes: 0 };
  }
}

/** Of an image with this TOC. */
export async function countStored(toc: Toc, store: Pick<ChunkStore, "has">): Promise<SnapshotUsage> {
  const { ids, lengths } = chunkClaims(toc);
  const seen = new Set<string>();
  let sizeBytes = 0;
  for (const [chunk, lengthBytes] of lengths.entries()) {
    if (chunk % chunksAtOnce === 0) await setImmediate(); // reads that miss are answered in between
    const hex = Buffer.from(ids.subarray(chunk * 32, chunk * 32 + 32)).toString("hex");
    if (seen.has(hex) || /^0*$/.test(hex)) continue;
    seen.add(hex);
    if (await store.has(parseDigest(`sha256:${hex}`, "TOC"))) sizeBytes += lengthBytes;
  }
  return { sizeBytes, inodes: 0 };
}
