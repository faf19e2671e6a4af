import { everyRepository, type MetadataStore } from "../metadata/metadata-store.js";
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
    for await (const { manifest, tag } of deleted.expired(repository, policy)) {
      signal?.throwIfAborted();
      if (tag !== undefined) await deleted.forgetTag(repository, tag.tag, tag.digest);
      if (manifest === undefined) continue;
      const stored = await deleted.read(repository, manifest);
      if (stored !== undefined) {
        const { digest } = manifest;
        const { blobs } = describeManifest(stored.bytes, stored.mediaType, { kind: "digest", digest });
        await metadata.releaseBlobs(repository, digest, blobs);
      }
      await deleted.forgetManifest(repository, manifest.digest);
      purged++;
    }
  }
  return purged;
}
