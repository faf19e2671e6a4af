import type { ContentDigest } from "@sluice/oci";
import type { BlobStore } from "@sluice/store";
import type { MetadataStore } from "../metadata/metadata-store.js";
import { RegistryError } from "../registry/registry-error.js";
import type { RepositoryName } from "../registry/repository-name.js";

/** For how long a storage may think about whether it has a blob: a connection to the database waits meanwhile. Milliseconds. */
const answerMs = 10_000;

/**
 * Links a blob whose bytes were stored, if they still are: a collection may have taken them meanwhile.
 * @throws {RegistryError} with 503 when they are gone: whoever pushes again succeeds
 */
export async function linkStoredBlob(
  metadata: MetadataStore,
  blobs: BlobStore,
  repository: RepositoryName,
  digest: ContentDigest,
): Promise<void> {
  const isStored = (): Promise<boolean> => blobs.has(digest, { signal: AbortSignal.timeout(answerMs) });
  if (await metadata.linkBlob(repository, digest, isStored)) return;
  throw new RegistryError("BLOB_UNKNOWN", `blob ${digest} was collected this moment; push it again`, undefined, {
    status: 503,
    headers: { "retry-after": "1" },
  });
}
