import {
  type AbortOptions,
  type ContentDigest,
  DigestMismatchError,
  SizeMismatchError,
  verifyStream,
} from "@sluice/oci";
import { BlobMissingError, type BlobStore } from "@sluice/store";
import { everyRepository, type MetadataStore } from "../metadata/metadata-store.js";
import { artifactOf } from "../registry/manifest-description.js";

/** What was copied. */
export interface CopiedContent {
  readonly blobs: number;
  readonly bytes: number;
  /** There already. */
  readonly reusedBlobs: number;
}

export interface CopyOptions extends AbortOptions {
  /** Read what is there already, and copy it anew where it is damaged; else only where its size differs from that of the source. */
  readonly verify?: boolean | undefined;
  /** Told of a blob of the source that is damaged, which is left out then. Without it, its error ends the copy. */
  readonly onDamaged?: ((digest: ContentDigest) => void) | undefined;
}

/** What a manifest needs and is not there. */
export interface MissingContent {
  readonly repository: string;
  readonly manifest: ContentDigest;
  readonly blob: ContentDigest;
}

/** Copies the blobs that `metadata` links, checked by their digests, as far as `to` lacks them whole. */
export async function copyContent(
  metadata: MetadataStore,
  from: BlobStore,
  to: BlobStore,
  options: CopyOptions,
): Promise<CopiedContent> {
  let [blobs, bytes, reusedBlobs] = [0, 0, 0];
  for await (const digest of metadata.linkedBlobs(options)) {
    if (await isReusable(digest, from, to, options)) {
      reusedBlobs++;
      continue;
    }
    const sizeBytes = await copyBlob(digest, from, to, options);
    if (sizeBytes === undefined) continue; // nobody needs it, or it is found missing
    blobs++;
    bytes += sizeBytes;
  }
  return { blobs, bytes, reusedBlobs };
}

/** Whether `to` has it whole; what is damaged there is removed. */
async function isReusable(
  digest: ContentDigest,
  from: BlobStore,
  to: BlobStore,
  options: CopyOptions,
): Promise<boolean> {
  const sizeBytes = await to.sizeOf(digest, options);
  if (sizeBytes === undefined) return false;
  const isAlike = options.verify !== true && sizeBytes === ((await from.sizeOf(digest, options)) ?? sizeBytes);
  // It may be the source that is damaged: then this one is what is left.
  if (isAlike || (await isWhole(digest, to, options))) return true;
  await to.delete(digest, options);
  return false;
}

async function isWhole(digest: ContentDigest, blobs: BlobStore, options: AbortOptions): Promise<boolean> {
  try {
    for await (const _ of verifyStream(blobs.read(digest, undefined, options), { digest }, `blob ${digest}`));
    return true;
  } catch (error) {
    if (error instanceof DigestMismatchError) return false;
    throw error;
  }
}

/** @returns undefined when it is not there (any more), or damaged and left out */
async function copyBlob(
  digest: ContentDigest,
  from: BlobStore,
  to: BlobStore,
  options: CopyOptions,
): Promise<number | undefined> {
  const sizeBytes = await from.sizeOf(digest, options);
  if (sizeBytes === undefined) return undefined;
  try {
    await to.put({ digest, sizeBytes }, from.read(digest, undefined, options), options);
    return sizeBytes;
  } catch (error) {
    if (error instanceof BlobMissingError) return undefined;
    const isDamaged = error instanceof DigestMismatchError || error instanceof SizeMismatchError;
    if (!isDamaged || options.onDamaged === undefined) throw error;
    options.onDamaged(digest);
    return undefined;
  }
}

/** What manifests need and `blobs` has not. */
export async function* missingContent(
  metadata: MetadataStore,
  blobs: BlobStore,
  options: AbortOptions,
): AsyncGenerator<MissingContent> {
  for await (const repository of everyRepository(metadata, options)) {
    for await (const { bytes, digest: manifest, mediaType } of metadata.manifests(repository, options)) {
      for (const { digest: blob } of artifactOf(bytes, mediaType).blobs) {
        if (!(await blobs.has(blob, options))) yield { repository, manifest, blob };
      }
    }
  }
}
