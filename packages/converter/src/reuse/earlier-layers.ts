import type { ArtifactLayer } from "@sluice/disk/artifact";
import type { AbortOptions, Digest, Repository } from "@sluice/oci";
import { findAttached } from "../publish/find-artifact.js";
import { selectImage } from "../source/select-image.js";

/** Tags that are looked at, the last in order first: newer versions sort behind older ones more often than not. */
const maxTags = 24;

/**
 * Layers that earlier conversions of other tags in the repository left there, by digest of the source layer. Stops when all `wanted` are
 * found. A tag that cannot be read is passed over: this is a short cut, never a condition.
 */
export async function earlierLayers(
  repository: Repository,
  wanted: ReadonlySet<Digest>,
  options?: AbortOptions,
): Promise<Map<Digest, ArtifactLayer>> {
  const found = new Map<Digest, ArtifactLayer>();
  const seen = new Set<Digest>();
  for (const tag of (await lastTags(repository, options)).reverse()) {
    if (found.size === wanted.size) break;
    for (const layer of await layersOfTag(repository, tag, seen, options)) {
      if (wanted.has(layer.source)) found.set(layer.source, layer);
    }
  }
  return found;
}

async function lastTags(repository: Repository, options?: AbortOptions): Promise<string[]> {
  const last: string[] = [];
  try {
    for await (const tag of repository.tags(options)) {
      last.push(tag);
      if (last.length > maxTags) last.shift();
    }
  } catch {
    options?.signal?.throwIfAborted(); // a registry may forbid or lack the list of tags
  }
  return last;
}

async function layersOfTag(
  repository: Repository,
  tag: string,
  seen: Set<Digest>,
  options?: AbortOptions,
): Promise<readonly ArtifactLayer[]> {
  try {
    const image = await selectImage(repository, tag, tag, options);
    if (seen.has(image.manifest.digest)) return [];
    seen.add(image.manifest.digest);
    return (await findAttached(repository, image, options)).artifact?.layers ?? [];
  } catch {
    options?.signal?.throwIfAborted(); // whatever is wrong with another tag is not this image's trouble
    return [];
  }
}
