import type { ImageReader, SourceImage } from "@sluice/converter";
import {
  type AbortOptions,
  type ContentDigest,
  type Descriptor,
  type Digest,
  isDigest,
  NotFoundError,
  parseManifest,
  verifyStream,
} from "@sluice/oci";
import type { BlobStore } from "@sluice/store";
import type { MetadataStore } from "../metadata/metadata-store.js";
import { type ManifestReference, parseManifestReference } from "../registry/manifest-reference.js";
import type { RepositoryName } from "../registry/repository-name.js";
import { failureOf } from "./conversion-failure.js";

/** The images of the registry's own repositories, as a conversion finds them. Loads the converter when it is first needed. */
export class StoredImages {
  readonly #metadata: MetadataStore;
  readonly #blobs: BlobStore;

  constructor(metadata: MetadataStore, blobs: BlobStore) {
    this.#metadata = metadata;
    this.#blobs = blobs;
  }

  /**
   * The image that a conversion of `reference` would convert: of an index, its linux/amd64 image.
   * @throws {ConversionError} when there is none, or none that is converted: only what this returns is compatible. AS20
   */
  async find(repository: RepositoryName, reference: ManifestReference, options?: AbortOptions): Promise<SourceImage> {
    const { ConversionError, selectImage } = await import("@sluice/converter");
    const target = reference.kind === "tag" ? reference.tag : reference.digest;
    const name = `${repository}${reference.kind === "tag" ? ":" : "@"}${target}`;
    try {
      return await selectImage(this.#reader(repository), target, name, options);
    } catch (error) {
      if (error instanceof UnnamedBySha256Error) {
        throw new ConversionError("UNSUPPORTED_ARTIFACT_TYPE", name, error.message, { cause: error });
      }
      const failure = await failureOf(error);
      if (failure.isPassing) throw error;
      throw new ConversionError(failure.code, name, failure.message, { cause: error });
    }
  }

  /** Of the image that {@link find} finds, or of what is there instead; of one that is gone, the digest it was named by. */
  async digestOf(
    repository: RepositoryName,
    reference: ManifestReference,
    options?: AbortOptions,
  ): Promise<ContentDigest | undefined> {
    const { ConversionError } = await import("@sluice/converter");
    try {
      return (await this.find(repository, reference, options)).manifest.digest;
    } catch (error) {
      if (!(error instanceof ConversionError)) throw error;
      return reference.kind === "digest"
        ? reference.digest
        : await this.#metadata.resolveTag(repository, reference.tag, options);
    }
  }

  /** The streaming artifact that nodes choose for an image. */
  async artifactOf(
    repository: RepositoryName,
    image: SourceImage,
    options?: AbortOptions,
  ): Promise<Digest | undefined> {
    const { findAttached } = await import("@sluice/converter");
    return (await findAttached(this.#reader(repository), image, options)).artifact?.digest;
  }

  #reader(repository: RepositoryName): ImageReader {
    const [metadata, blobs] = [this.#metadata, this.#blobs];
    return {
      name: repository,
      getManifest: async (target, options) => {
        const reference = parseManifestReference(target);
        const digest =
          reference.kind === "digest"
            ? reference.digest
            : await metadata.resolveTag(repository, reference.tag, options);
        const stored = digest && (await metadata.manifest(repository, digest, options));
        if (digest === undefined || stored === undefined)
          throw new NotFoundError(`${repository} has no manifest ${target}`);
        if (!isDigest(digest)) throw new UnnamedBySha256Error(digest);
        return parseManifest(stored.bytes, `manifest ${target} of ${repository}`, stored.mediaType);
      },
      readBlob: async function* ({ digest, size }, options) {
        if (!(await metadata.hasBlob(repository, digest, options))) {
          throw new NotFoundError(`${repository} has no blob ${digest}`);
        }
        const expected = { digest, sizeBytes: size };
        yield* verifyStream(blobs.read(digest, undefined, options), expected, `blob ${digest} of ${repository}`);
      },
      referrers: async (subject, options) => {
        const found: Descriptor[] = [];
        for await (const { digest, ...rest } of metadata.referrers(repository, subject, options)) {
          // An artifact that is named by sha512 is none that a node can choose.
          const isWanted = isDigest(digest) && (options?.artifactType ?? rest.artifactType) === rest.artifactType;
          if (isWanted) found.push({ ...rest, digest });
        }
        return found;
      },
    };
  }
}

class UnnamedBySha256Error extends Error {
  override readonly name = "UnnamedBySha256Error";
  constructor(digest: ContentDigest) {
    super(`it is named ${digest}; a conversion needs its sha256`);
  }
}
