import type { Digest } from "@sluice/oci";
import { type ChangePlaces, removeManifest } from "../registry/change-manifests.js";
import type { RepositoryName } from "../registry/repository-name.js";
import type { AttemptFailure } from "./conversion-failure.js";
import type { Operation } from "./operation.js";

/** Looks at what a conversion says it has pushed. @returns why it is no success; undefined when it is one */
export type CheckPublished = (operation: Operation, artifact: Digest) => Promise<AttemptFailure | undefined>;

/** A node finds an artifact only if it is listed with its image. One whose image was deleted while it was made goes, as it would have with the image. */
export function checkPublished(places: ChangePlaces): CheckPublished {
  const { metadata } = places;
  return async ({ id, digest, ...operation }, artifact) => {
    const repository = operation.repository as RepositoryName; // of an image that was found there
    if ((await metadata.manifest(repository, digest)) === undefined) {
      await removeManifest(places, repository, artifact, { caller: `conversion-${id}`, via: "push" });
      return { code: "RESOURCE_NOT_FOUND", message: `${digest} was deleted while it was converted`, isPassing: false };
    }
    for await (const referrer of metadata.referrers(repository, digest)) {
      if (referrer.digest === artifact) return undefined;
    }
    const message = `${artifact} was pushed and is not listed among what refers to ${digest}`;
    return { code: "UNKNOWN_ERROR", message, isPassing: true };
  };
}
