import { type AbortOptions, type ContentDigest, hexOf } from "@sluice/oci";
import type { BlobStore } from "@sluice/store";
import { everyRepository, type MetadataStore } from "../metadata/metadata-store.js";

export interface CollectionOptions extends AbortOptions {
  /** What became garbage less than so long ago stays: somebody may be about to push the manifest that names it. Milliseconds. */
  readonly graceMs: number;
  /** Counts, and removes nothing. */
  readonly dryRun: boolean;
}

/** What a collection removed, or would have. */
export interface Collection {
  /** Blobs that left a repository because none of its manifests named them. */
  unlinkedBlobs: number;
  /** Blobs whose bytes went because no repository held them. */
  removedBlobs: number;
  removedBytes: number;
  readonly dryRun: boolean;
}

/** Long enough for a push over a slow link, and for one that was cut and goes on the next day. Milliseconds. */
export const defaultGraceMs: number = 24 * 60 * 60 * 1000;

/**
 * Removes blobs that no manifest names, while the registry answers. Manifests stay until they are deleted, tagged or not: children of indexes
 * and referrers are manifests of their repository like any other, so that what they name stays, too; bytes of unfinished uploads are no blobs
 * yet. May be stopped at any moment: the next collection begins anew and finds what is left. Several may run at once.
 */
export async function collectGarbage(
  metadata: MetadataStore,
  blobs: BlobStore,
  options: CollectionOptions,
): Promise<Collection> {
  const collection: Collection = { unlinkedBlobs: 0, removedBlobs: 0, removedBytes: 0, dryRun: options.dryRun };
  const released = await unlinkUnused(metadata, Date.now() - options.graceMs, collection, options);
  await removeUnlinked(metadata, blobs, released, collection, options);
  return collection;
}

/** Removes the bytes of blobs that no repository links: those that were deleted everywhere, and those of a process that died before it linked one. */
export async function removeOrphans(
  metadata: MetadataStore,
  blobs: BlobStore,
  options: CollectionOptions,
): Promise<Collection> {
  const collection: Collection = { unlinkedBlobs: 0, removedBlobs: 0, removedBytes: 0, dryRun: options.dryRun };
  await removeUnlinked(metadata, blobs, new Map(), collection, options);
  return collection;
}

/** @param released links that count as removed, by {@link startOf} */
async function removeUnlinked(
  metadata: MetadataStore,
  blobs: BlobStore,
  released: ReadonlyMap<number, number>,
  collection: Collection,
  options: CollectionOptions,
): Promise<void> {
  const beforeMs = Date.now() - options.graceMs;
  const linked = new Map<number, number>();
  for await (const digest of metadata.linkedBlobs(options)) {
    linked.set(startOf(digest), (linked.get(startOf(digest)) ?? 0) + 1);
  }
  for (const [start, links] of released) linked.set(start, (linked.get(start) ?? 0) - links);
  for await (const { digest, sizeBytes, storedAtMs } of blobs.list(options)) {
    if (storedAtMs >= beforeMs || (linked.get(startOf(digest)) ?? 0) > 0) continue;
    const isGone =
      options.dryRun ||
      (await metadata.whileUnlinked(digest, async (signals) => void (await blobs.delete(digest, signals)), options));
    if (!isGone) continue;
    collection.removedBlobs++;
    collection.removedBytes += sizeBytes;
  }
}

/** @returns the links that a dry run only pretended to remove, by {@link startOf} */
async function unlinkUnused(
  metadata: MetadataStore,
  beforeMs: number,
  collection: Collection,
  options: CollectionOptions,
): Promise<ReadonlyMap<number, number>> {
  const pretended = new Map<number, number>();
  for await (const repository of everyRepository(metadata, options)) {
    for await (const { digest, sinceMs } of metadata.unusedBlobs(repository, options)) {
      if (sinceMs >= beforeMs) continue;
      if (options.dryRun) pretended.set(startOf(digest), (pretended.get(startOf(digest)) ?? 0) + 1);
      else if (!(await metadata.unlinkBlob(repository, digest, { ...options, unusedBeforeMs: beforeMs }))) continue;
      collection.unlinkedBlobs++;
    }
  }
  return pretended;
}

/** 48 bits: numbers take little room, and two that collide only keep an orphan until one of them goes. */
const startOf = (digest: ContentDigest): number => Number.parseInt(hexOf(digest).slice(0, 12), 16);
