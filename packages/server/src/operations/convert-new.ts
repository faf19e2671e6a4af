import type { ConversionErrorCode } from "@sluice/converter";
import type { AbortOptions } from "@sluice/oci";
import type { RegistryEvent } from "../events/registry-event.js";
import type { RepositoryName } from "../registry/repository-name.js";
import type { Operations } from "./operations.js";
import type { RepositoryStreamings } from "./repository-streaming.js";
import type { StoredImages } from "./stored-images.js";

/** What an automatic conversion needs. */
export interface AutoConvertPlaces {
  readonly images: StoredImages;
  readonly operations: Operations;
  readonly streamings: RepositoryStreamings;
}

/** An image that came into a repository. */
export type NewImage = Pick<RegistryEvent, "digest" | "tag" | "via" | "caller" | "time"> & {
  readonly repository: RepositoryName;
};

/** Not worth a note: it was deleted meanwhile, or is a signature, an SBOM, a streaming artifact itself. */
const isNoImage: ReadonlySet<ConversionErrorCode> = new Set(["RESOURCE_NOT_FOUND", "UNSUPPORTED_ARTIFACT_TYPE"]);

/**
 * Queues the conversion of an image that is new where streaming is active (AS17); of one that cannot be converted it notes why (AS20). Told again it
 * finds the operation or the artifact, and does nothing.
 * @returns a sentence about the conversion, if one was queued
 */
export async function convertNew(
  { images, operations, streamings }: AutoConvertPlaces,
  { repository, digest, tag, via, caller, time }: NewImage,
  options?: AbortOptions,
): Promise<string | undefined> {
  const { ConversionError } = await import("@sluice/converter");
  try {
    const image = await images.find(repository, { kind: "digest", digest }, options);
    if ((await images.artifactOf(repository, image, options)) !== undefined) return undefined;
    const wanted = { repository, digest: image.manifest.digest, tag, cause: via, isForced: false, caller };
    const { operation, isNew } = await operations.request(wanted);
    return isNew ? `conversion ${operation.id} of ${repository}@${operation.digest} is queued` : undefined;
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    if (!isNoImage.has(error.code)) {
      await streamings.skip(repository, { digest, tag, code: error.code, message: error.message, time });
    }
    return undefined;
  }
}
