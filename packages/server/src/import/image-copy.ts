import type { AbortOptions, ContentDigest, Descriptor, Digest, Manifest, Repository } from "@sluice/oci";
import type { BlobStore } from "@sluice/store";
import PQueue from "p-queue";
import { type ChangePlaces, storeManifest } from "../registry/change-manifests.js";
import { checkSizes } from "../registry/check-sizes.js";
import { describeManifest, heldBlobs } from "../registry/manifest-description.js";
import type { Tag } from "../registry/manifest-reference.js";
import { RegistryError } from "../registry/registry-error.js";
import type { RepositoryName } from "../registry/repository-name.js";
import type { Uploads } from "../uploads/uploads.js";
import type { ImportProgress } from "./import-progress.js";

export interface CopyPlaces extends ChangePlaces {
  readonly blobs: BlobStore;
  readonly uploads: Uploads;
}

/** Where an image goes, and for whom. */
export interface CopyTarget {
  readonly repository: RepositoryName;
  readonly tag: Tag | undefined;
  /** Move the tag from another image to this one. */
  readonly force: boolean;
  /** Name of the account. */
  readonly caller: string;
}

/** Blobs of one image on their way at once: enough to fill a line over the pauses of one, few enough for a registry that counts. */
const parallelBlobs = 3;
/** Real indexes are one deep, referrers of referrers (signatures of attestations) two. */
const maxDepth = 8;
/** Of one import, children and referrers included; far above any real image. */
const maxManifests = 10_000;

/** One copy of an image from another registry. */
export class ImageCopy {
  readonly #source: Repository;
  readonly #places: CopyPlaces;
  readonly #target: CopyTarget;
  readonly #progress: ImportProgress;
  readonly #seen = new Set<Digest>();

  constructor(source: Repository, places: CopyPlaces, target: CopyTarget, progress: ImportProgress) {
    this.#source = source;
    this.#places = places;
    this.#target = target;
    this.#progress = progress;
  }

  /**
   * What a manifest needs comes first, then what refers to it, then the manifest with its tag: whoever sees the tag finds all the rest.
   * May be run again, and fetches only what is missing.
   */
  async copy(manifest: Manifest, options: AbortOptions): Promise<void> {
    const { tag } = this.#target;
    await this.#copy(manifest, { tags: tag === undefined ? [] : [tag], depth: 0 }, options);
  }

  async #copy(
    manifest: Manifest,
    place: { readonly tags: readonly Tag[]; readonly depth: number },
    options: AbortOptions,
  ): Promise<void> {
    this.#admit(manifest.digest, place.depth);
    if (manifest.kind === "image") await this.#copyBlobs(heldBlobs(manifest.config, manifest.layers), options);
    else await this.#copyThose(manifest.manifests, place.depth + 1, options);
    const referrers = await this.#source.referrers(manifest.digest, options);
    await this.#copyThose(referrers, place.depth + 1, options);
    await this.#store(manifest, place.tags);
    this.#progress.manifests++;
    if (place.depth > 0 && manifest.subject !== undefined) this.#progress.referrers++;
  }

  async #copyThose(descriptors: readonly Descriptor[], depth: number, options: AbortOptions): Promise<void> {
    for (const { digest } of descriptors) {
      if (this.#seen.has(digest)) continue;
      await this.#copy(await this.#source.getManifest(digest, options), { tags: [], depth }, options);
    }
  }

  #admit(digest: Digest, depth: number): void {
    this.#seen.add(digest);
    if (depth <= maxDepth && this.#seen.size <= maxManifests) return;
    const problem = `an import may have ${maxManifests} manifests, ${maxDepth} of them in a row`;
    throw new RegistryError("SOURCE_FAILED", `${this.#source.name}: ${problem}`);
  }

  async #copyBlobs(blobs: readonly Descriptor[], options: AbortOptions): Promise<void> {
    const unlike = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
    const failed = new AbortController();
    const signal = AbortSignal.any([failed.signal, ...(options.signal === undefined ? [] : [options.signal])]);
    const queue = new PQueue({ concurrency: parallelBlobs });
    const copying = unlike.map((blob) =>
      queue.add(async () => {
        try {
          await this.#copyBlob(blob, { signal });
        } catch (error) {
          failed.abort(error);
          throw error;
        }
      }),
    );
    await Promise.allSettled(copying);
    signal.throwIfAborted();
  }

  async #copyBlob(blob: Descriptor, options: AbortOptions): Promise<void> {
    const { blobs, metadata, uploads } = this.#places;
    const { repository } = this.#target;
    options.signal?.throwIfAborted();
    // Only this repository counts: what others hold is theirs until the source has shown its bytes.
    if ((await metadata.hasBlob(repository, blob.digest)) && (await blobs.has(blob.digest))) {
      this.#progress.reusedBlobs++;
      return;
    }
    this.#progress.expectedBytes += blob.size;
    await uploads.push(repository, blob.digest, this.#counted(this.#source.readBlob(blob, options)));
    this.#progress.fetchedBlobs++;
  }

  async *#counted(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of source) {
      this.#progress.fetchedBytes += piece.byteLength;
      yield piece;
    }
  }

  async #store({ bytes, digest, mediaType }: Manifest, tags: readonly Tag[]): Promise<void> {
    const { caller, repository } = this.#target;
    if (await this.#isThere(digest, tags)) return;
    const manifest = describeManifest(bytes, mediaType, { kind: "digest", digest });
    await checkSizes(this.#places, repository, manifest);
    const origin = { caller, via: "import" } as const;
    const change = await storeManifest(this.#places, repository, manifest, tags, origin, (before) => {
      for (const tag of tags) refuseMove(this.#target, before.tags.get(tag), digest);
    });
    if (change.missing.length === 0) return;
    const problem = `${digest} of ${this.#source.name} needs what is not here (any more)`;
    throw new RegistryError("MANIFEST_BLOB_UNKNOWN", `${problem}; import it again`, { digests: change.missing });
  }

  /** Storing it again would tell everybody of a push that was none. */
  async #isThere(digest: Digest, tags: readonly Tag[]): Promise<boolean> {
    const { metadata } = this.#places;
    const { repository } = this.#target;
    if ((await metadata.manifest(repository, digest)) === undefined) return false;
    for (const tag of tags) if ((await metadata.resolveTag(repository, tag)) !== digest) return false;
    return true;
  }
}

/** @param before where the tag is now @throws {RegistryError} when it would move and must not */
export function refuseMove(
  { force, repository, tag }: CopyTarget,
  before: ContentDigest | undefined,
  digest: Digest,
): void {
  if (before === undefined || before === digest || force) return;
  throw new RegistryError(
    "UNSUPPORTED",
    `${repository}:${tag} is another image already (${before}, not ${digest} as in the source); import with --force to move the tag`,
    { digest: before },
    { status: 409 },
  );
}
