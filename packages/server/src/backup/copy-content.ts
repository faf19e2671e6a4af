import type { AbortOptions, ContentDigest } from "@sluice/oci";
import { BlobMissingError, type BlobStore } from "@sluice/store";
import { everyRepository, type MetadataStore } from "../metadata/metadata-store.js";
import { artifactOf } from "../registry/manifest-description.js";
import { BackupError } from "./backup-folder.js";

/** What was copied. */
export interface CopiedContent {
  readonly blobs: number;
  readonly bytes: number;
  /** There already. */
  readonly reusedBlobs: number;
}

/**
 * Copies the blobs that `metadata` links, checked by their digests, as far as `to` lacks them; then looks whether everything is there that
 * manifests need.
 * @throws {BackupError} when something is missing
 */
export async function copyContent(
  metadata: MetadataStore,
  from: BlobStore,
  to: BlobStore,
  options: AbortOptions,
): Promise<CopiedContent> {
  let [blobs, bytes, reusedBlobs] = [0, 0, 0];
  for await (const digest of metadata.linkedBlobs(options)) {
    if (await to.has(digest, options)) {
      reusedBlobs++;
      continue;
    }
    const sizeBytes = await copyBlob(digest, from, to, options);
    if (sizeBytes === undefined) continue; // nobody needs it, or the look below finds it missing
    blobs++;
    bytes += sizeBytes;
  }
  await demandContent(metadata, to, options);
  return { blobs, bytes, reusedBlobs };
}

/** @returns undefined when it is not there (any more) */
async function copyBlob(
  digest: ContentDigest,
  from: BlobStore,
  to: BlobStore,
  options: AbortOptions,
): Promise<number | undefined> {
  const sizeBytes = await from.sizeOf(digest, options);
  if (sizeBytes === undefined) return undefined;
  try {
    await to.put({ digest, sizeBytes }, from.read(digest, undefined, options), options);
    return sizeBytes;
  } catch (error) {
    if (error instanceof BlobMissingError) return undefined;
    throw error;
  }
}

async function demandContent(metadata: MetadataStore, blobs: BlobStore, options: AbortOptions): Promise<void> {
  for await (const repository of everyRepository(metadata, options)) {
    for await (const { bytes, digest, mediaType } of metadata.manifests(repository, options)) {
      for (const blob of artifactOf(bytes, mediaType).blobs) {
        if (await blobs.has(blob.digest, options)) continue;
        const problem = `${repository}@${digest} needs blob ${blob.digest}, which is not there`;
        throw new BackupError(
          `${problem}: it was deleted and collected meanwhile, or lost; begin again, and if it stays so, delete that manifest`,
        );
      }
    }
  }
}
