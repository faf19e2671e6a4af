import type { ContentDigest } from "@sluice/oci";
import type { BlobStore } from "@sluice/store";
import type { MetadataStore } from "../metadata/metadata-store.js";
import { RegistryError } from "../registry/registry-error.js";
import type { RepositoryName } from "../registry/repository-name.js";

/**
 * Links a blob whose bytes were stored, and makes sure that they still are: a collection may have taken them between the two.
 * @throws {RegistryError} with 503 when they are gone: whoever pushes again succeeds
 */
export async function linkStoredBlob(
  metadata: MetadataStore,
  blobs: BlobStore,
  repository: RepositoryName,
  digest: ContentDigest,
): Promise<void> {
  await metadata.linkBlob(repository, digest);
  if (await blobs.has(digest)) return;
  await metadata.unlinkBlob(repository, digest);
  throw new RegistryError("BLOB_UNKNOWN", `blob ${digest} was collected this moment; push it again`, undefined, {
    status: 503,
    headers: { "retry-after": "1" },
  });
}
