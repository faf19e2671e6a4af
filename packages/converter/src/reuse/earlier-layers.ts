import type { ArtifactLayer } from "@sluice/disk/artifact";
import type { AbortOptions, Digest, Repository } from "@sluice/oci";
import { findAttached } from "../publish/find-artifact.js";
import { selectImage } from "../source/select-image.js";

/** Tags that are looked at, the last in order first: newer versions sort behind older ones more often than not. */
const maxTags = 24;

/** What an earlier conversion says it made of a layer. Nothing of it is proven. */
export interface EarlierLayer {
  readonly layer: ArtifactLayer;
  readonly repository: Repository;
}

/**
 * Layers that earlier conversions of other tags left in the repositories, by digest of the source layer. The repositories are looked through once,
 * when the first layer is asked for. What cannot be read is passed over: this is a short cut, never a condition.
 */
export class EarlierLayers {
  readonly #repositories: ReadonlySet<Repository>;
  readonly #wanted: ReadonlySet<Digest>;
  readonly #options: AbortOptions;
  #found: Promise<ReadonlyMap<Digest, EarlierLayer>> | undefined;

  /** @param wanted layers of the image, by digest as pulled */
  constructor(repositories: ReadonlySet<Repository>, wanted: ReadonlySet<Digest>, options: AbortOptions) {
    this.#repositories = repositories;
    this.#wanted = wanted;
    this.#options = options;
  }

  async find(source: Digest): Promise<EarlierLayer | undefined> {
    this.#found ??= this.#look();
    return (await this.#found).get(source);
  }

  async #look(): Promise<ReadonlyMap<Digest, EarlierLayer>> {
    const found = new Map<Digest, EarlierLayer>();
    for (const repository of this.#repositories) {
      const seen = new Set<Digest>();
      for (const tag of (await lastTags(repository, this.#options)).reverse()) {
        if (found.size === this.#wanted.size) return found;
        for (const layer of await layersOfTag(repository, tag, seen, this.#options)) {
          if (this.#wanted.has(layer.source) && !found.has(layer.source))
            found.set(layer.source, { layer, repository });
        }
      }
    }
    return found;
  }
}

async function lastTags(repository: Repository, options: AbortOptions): Promise<string[]> {
  const last: string[] = [];
  try {
    for await (const tag of repository.tags(options)) {
      last.push(tag);
      if (last.length > maxTags) last.shift();
    }
  } catch {
    options.signal?.throwIfAborted(); // a registry may forbid or lack the list of tags
  }
  return last;
}

async function layersOfTag(
  repository: Repository,
  tag: string,
  seen: Set<Digest>,
  options: AbortOptions,
): Promise<readonly ArtifactLayer[]> {
  try {
    const image = await selectImage(repository, tag, tag, options);
    if (seen.has(image.manifest.digest)) return [];
    seen.add(image.manifest.digest);
    return (await findAttached(repository, image, options)).artifact?.layers ?? [];
  } catch {
    options.signal?.throwIfAborted(); // whatever is wrong with another tag is not this image's trouble
    return [];
  }
}
