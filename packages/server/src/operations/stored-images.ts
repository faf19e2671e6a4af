import type { SourceImage } from "@sluice/converter";
import type { AbortOptions, ContentDigest, Digest } from "@sluice/oci";
import type { ManifestReference } from "../registry/manifest-reference.js";
import type { RepositoryName } from "../registry/repository-name.js";
import { failureOf } from "./conversion-failure.js";
import type { RepositoryImages } from "./repository-images.js";
import { UnnamedBySha256Error } from "./unnamed-by-sha256-error.js";

/** The images of all repositories, here and in other registries, as a conversion finds them. Loads the converter when it is first needed. */
export class StoredImages {
  readonly #open: (repository: RepositoryName) => RepositoryImages;

  constructor(open: (repository: RepositoryName) => RepositoryImages) {
    this.#open = open;
  }

  in(repository: RepositoryName): RepositoryImages {
    return this.#open(repository);
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
      return await selectImage(this.#open(repository), target, name, options);
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
      return reference.kind === "digest" ? reference.digest : await this.#open(repository).digestOf(reference, options);
    }
  }

  /** The streaming artifact that nodes choose for an image. */
  async artifactOf(
    repository: RepositoryName,
    image: SourceImage,
    options?: AbortOptions,
  ): Promise<Digest | undefined> {
    const { findAttached } = await import("@sluice/converter");
    return (await findAttached(this.#open(repository), image, options)).artifact?.digest;
  }
}
