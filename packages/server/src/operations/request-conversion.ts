import type { AbortOptions, Digest } from "@sluice/oci";
import type { ManifestReference } from "../registry/manifest-reference.js";
import { RegistryError } from "../registry/registry-error.js";
import type { RepositoryName } from "../registry/repository-name.js";
import type { Operation } from "./operation.js";
import type { Operations } from "./operations.js";
import type { StoredImages } from "./stored-images.js";

/** What somebody asks to be converted. */
export interface ConversionWish {
  readonly repository: RepositoryName;
  readonly reference: ManifestReference;
  readonly isForced: boolean;
  readonly caller: string;
}

/** An operation; or, without one, what was converted before. */
export type ConversionPromise =
  | (Operation & { readonly alreadyConverted: false })
  | {
      readonly alreadyConverted: true;
      readonly repository: string;
      readonly digest: Digest;
      readonly tag?: string | undefined;
      readonly status: "Succeeded";
      readonly progressPercent: 100;
      readonly artifactDigest: Digest;
    };

/**
 * AS24, AS25: the operation that converts the image; the one that goes on already where there is one.
 * @throws {RegistryError} with the code of the conversion as `detail.code` when the image is none that can be converted
 */
export async function requestConversion(
  { images, operations }: { readonly images: StoredImages; readonly operations: Operations },
  { repository, reference, isForced, caller }: ConversionWish,
  options?: AbortOptions,
): Promise<ConversionPromise> {
  const image = await convertible(images, repository, reference, options);
  const { digest } = image.manifest;
  const tag = reference.kind === "tag" ? reference.tag : undefined;
  const artifactDigest = isForced ? undefined : await images.artifactOf(repository, image, options);
  if (artifactDigest !== undefined) {
    return {
      alreadyConverted: true,
      repository,
      digest,
      artifactDigest,
      status: "Succeeded",
      progressPercent: 100,
      ...(tag !== undefined && { tag }),
    };
  }
  const wanted = { repository, digest, tag, cause: "request", isForced, caller } as const;
  return { ...(await operations.request(wanted)).operation, alreadyConverted: false };
}

async function convertible(
  images: StoredImages,
  repository: RepositoryName,
  reference: ManifestReference,
  options?: AbortOptions,
) {
  const { ConversionError } = await import("@sluice/converter");
  try {
    return await images.find(repository, reference, options);
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    const isMissing = error.code === "RESOURCE_NOT_FOUND";
    throw new RegistryError(
      isMissing ? "MANIFEST_UNKNOWN" : "UNSUPPORTED",
      `${error.code}: ${error.message}`,
      { code: error.code },
      { status: isMissing ? 404 : 400 },
    );
  }
}
