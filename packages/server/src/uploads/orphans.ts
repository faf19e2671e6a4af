import { type ContentDigest, hexOf } from "@sluice/oci";
import type { BlobStore } from "@sluice/store";
import type { MetadataStore } from "../metadata/metadata-store.js";

/** What was removed. */
export interface RemovedOrphans {
  readonly blobs: number;
  readonly bytes: number;
}

/**
 * Removes blobs that no repository links: those that were deleted everywhere, and those of a process that ended between storing and linking
 * one. Only before the registry answers: an upload that ends meanwhile would lose its blob. Takes one pass over the links and the files.
 */
export async function removeOrphans(blobs: BlobStore, metadata: MetadataStore): Promise<RemovedOrphans> {
  const linked = new Set<number>();
  for await (const digest of metadata.linkedBlobs()) linked.add(startOf(digest));
  const removed = { blobs: 0, bytes: 0 };
  for await (const { digest, sizeBytes } of blobs.list()) {
    if (linked.has(startOf(digest)) || !(await blobs.delete(digest))) continue;
    removed.blobs++;
    removed.bytes += sizeBytes;
  }
  return removed;
}

/** 48 bits: numbers take little room, and two that collide only keep an orphan. */
const startOf = (digest: ContentDigest): number => Number.parseInt(hexOf(digest).slice(0, 12), 16);
