import type { ConversionErrorCode } from "@sluice/converter";
import type { EventListener, RegistryEvent } from "../events/registry-event.js";
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

/**
 * Queues a conversion for each image that a repository with active streaming did not hold before (AS17); for those that cannot be converted it
 * notes why (AS20). Tags put on what is there convert nothing. Told again of the same push it finds the operation or the artifact, and does nothing.
 */
export function autoConvert(places: AutoConvertPlaces): EventListener {
  return async (event) => {
    if (event.action !== "push" || !event.isNew) return undefined;
    if ((await places.streamings.of(event.repository)).streaming !== "Active") return undefined;
    return await convert(places, event);
  };
}

/** Not worth a note: it was deleted meanwhile, or is a signature, an SBOM, a streaming artifact itself. */
const isNoImage: ReadonlySet<ConversionErrorCode> = new Set(["RESOURCE_NOT_FOUND", "UNSUPPORTED_ARTIFACT_TYPE"]);

async function convert(
  { images, operations, streamings }: AutoConvertPlaces,
  { repository, digest, tag, via, caller, time }: RegistryEvent,
): Promise<string | undefined> {
  const { ConversionError } = await import("@sluice/converter");
  const name = repository as RepositoryName; // of the path that the push came by
  try {
    const image = await images.find(name, { kind: "digest", digest });
    if ((await images.artifactOf(name, image)) !== undefined) return undefined;
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
