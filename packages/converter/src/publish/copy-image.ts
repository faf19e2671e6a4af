import { type AbortOptions, isNotFound, type Repository } from "@sluice/oci";
import type { SourceImage } from "../source/select-image.js";
import { type BlobSource, pushBlobs } from "./push-blobs.js";

export interface CopyOptions extends AbortOptions {
  /** Points at the image in the target. */
  readonly tag?: string | undefined;
}

/** Puts the source image into the target, its manifest byte for byte, so that its digest holds there too. Blobs first. */
export async function copyImage(
  image: SourceImage,
  from: Repository,
  to: Repository,
  options: CopyOptions,
): Promise<void> {
  const { manifest } = image;
  if (options.tag === undefined && (await isThere(to, manifest.digest, options))) return;
  const descriptors = manifest.config === undefined ? manifest.layers : [manifest.config, ...manifest.layers];
  const blobs = descriptors.map(
    (blob): BlobSource => ({
      digest: blob.digest,
      sizeBytes: blob.size,
      content: () => from.readBlob(blob, { signal: options.signal }),
      from,
    }),
  );
  await pushBlobs(to, blobs, { signal: options.signal });
  await to.pushManifest(manifest, { signal: options.signal, tag: options.tag });
}

async function isThere(repository: Repository, digest: string, options?: AbortOptions): Promise<boolean> {
  try {
    await repository.resolve(digest, options);
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
