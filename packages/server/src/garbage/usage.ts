import type { AbortOptions, ContentDigest } from "@sluice/oci";
import type { BlobStore } from "@sluice/store";
import { everyRepository, type MetadataStore } from "../metadata/metadata-store.js";
import { artifactOf } from "../registry/manifest-description.js";
import type { RepositoryName } from "../registry/repository-name.js";

/** What a repository holds. A blob that originals and streaming artifacts share counts as original. Bytes of blobs and manifests. */
interface RepositoryUsage {
  readonly repository: string;
  readonly originalBytes: number;
  readonly streamingBytes: number;
  /** In blobs that no manifest names, until they are collected. */
  readonly unusedBytes: number;
  readonly manifests: number;
}

/** What all repositories hold; `storedBytes` counts a blob once that several of them hold. */
export interface Usage {
  readonly storedBytes: number;
  readonly repositories: readonly RepositoryUsage[];
}

/** By name. Reads every manifest: some thousands a second. */
export async function measureUsage(metadata: MetadataStore, blobs: BlobStore, options?: AbortOptions): Promise<Usage> {
  const repositories: RepositoryUsage[] = [];
  for await (const repository of everyRepository(metadata, options)) {
    repositories.push(await usageOf(metadata, blobs, repository, options));
  }
  let storedBytes = 0;
  for await (const { sizeBytes } of blobs.list(options)) storedBytes += sizeBytes;
  return { storedBytes, repositories };
}

/** Of one repository. */
export async function usageOf(
  metadata: MetadataStore,
  blobs: BlobStore,
  repository: RepositoryName,
  options?: AbortOptions,
): Promise<RepositoryUsage> {
  const sizes = { original: new Map<ContentDigest, number>(), streaming: new Map<ContentDigest, number>() };
  let manifests = 0;
  for await (const { digest, mediaType, bytes } of metadata.manifests(repository, options)) {
    manifests++;
    const { isStreaming, blobs: named } = artifactOf(bytes, mediaType);
    const kind = isStreaming ? sizes.streaming : sizes.original;
    kind.set(digest, bytes.byteLength);
    for (const blob of named) kind.set(blob.digest, blob.size);
  }
  for (const digest of sizes.original.keys()) sizes.streaming.delete(digest);
  let unusedBytes = 0;
  for await (const { digest } of metadata.unusedBlobs(repository, options))
    unusedBytes += (await blobs.sizeOf(digest)) ?? 0;
  return {
    repository,
    originalBytes: sum(sizes.original),
    streamingBytes: sum(sizes.streaming),
    unusedBytes,
    manifests,
  };
}

const sum = (sizes: ReadonlyMap<unknown, number>): number =>
  [...sizes.values()].reduce((total, size) => total + size, 0);
