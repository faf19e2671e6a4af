import { type Digest, sluiceMediaTypes } from "@sluice/oci";
import type { RepositoryName } from "../registry/repository-name.js";
import type { AttemptFailure } from "./conversion-failure.js";
import type { Operation } from "./operation.js";
import type { StoredImages } from "./stored-images.js";

/** Looks at what a conversion says it has pushed. @returns why it is no success; undefined when it is one */
export type CheckPublished = (operation: Operation, artifact: Digest) => Promise<AttemptFailure | undefined>;

/** A node finds an artifact only if it is listed with its image. One whose image was deleted while it was made goes, as it would have with the image. */
export function checkPublished(images: Pick<StoredImages, "in">): CheckPublished {
  return async ({ id, digest, ...operation }, artifact) => {
    const repository = images.in(operation.repository as RepositoryName); // of an image that was found there
    if ((await repository.digestOf({ kind: "digest", digest })) === undefined) {
      await repository.removeArtifact(artifact, `conversion-${id}`);
      return { code: "RESOURCE_NOT_FOUND", message: `${digest} was deleted while it was converted`, isPassing: false };
    }
    const listed = await repository.referrers(digest, { artifactType: sluiceMediaTypes.artifact });
    if (listed.some((referrer) => referrer.digest === artifact)) return undefined;
    const message = `${artifact} was pushed and is not listed among what refers to ${digest}`;
    return { code: "UNKNOWN_ERROR", message, isPassing: true };
  };
}
