import { everyRepository, type MetadataStore } from "../metadata/metadata-store.js";
import { RecordConflictError } from "../records/records.js";
import { describeManifest } from "../registry/manifest-description.js";
import type { DeletedImages } from "./deleted-images.js";

/** Removes for good what expired. May be stopped and begun anew at any moment. @returns how many manifests */
export async function purgeDeleted(
  metadata: MetadataStore,
  deleted: DeletedImages,
  signal?: AbortSignal,
): Promise<number> {
  const policy = await deleted.policy();
  let purged = 0;
  for await (const repository of everyRepository(metadata, { signal })) {
    for await (const { document, changes } of deleted.expiredManifests(repository, policy)) {
      signal?.throwIfAborted();
      const stored = await deleted.read(repository, document);
      const { digest } = document;
      const blobs =
        stored === undefined ? [] : describeManifest(stored.bytes, stored.mediaType, { kind: "digest", digest }).blobs;
      const isGone = await unlessChanged(() => metadata.releaseBlobs(repository, digest, blobs, { records: changes }));
      if (isGone) purged++;
    }
    for await (const { changes } of deleted.expiredTags(repository, policy)) {
      signal?.throwIfAborted();
      await unlessChanged(() => metadata.writeRecords(repository, changes));
    }
  }
  return purged;
}

/** What was restored meanwhile, or deleted a second time, has not expired. @returns whether it was unchanged */
async function unlessChanged(work: () => Promise<void>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof RecordConflictError) return false;
    throw error;
  }
}
