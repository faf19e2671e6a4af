import { InvalidArtifactError } from "@sluice/disk/artifact";
import { isNotFound } from "@sluice/oci";

/** Why an image is not streamed on this node, and what to do about it. `why` prints both; scripts and metrics go by the code. */
const cures = {
  NO_ARTIFACT: "convert it: sluice convert REFERENCE",
  IMAGE_NOT_FOUND: "check the name, tag and registry of the reference",
  ARTIFACT_NOT_FOUND:
    "the registry lists an artifact that it does not have, or not whole: convert the image again: sluice convert --force REFERENCE",
  UNSUPPORTED_PLATFORM: "only linux/amd64 images are streamed; pull this one as usual",
  NO_SUPPORTED_PLATFORM_FOUND: "the index has no linux/amd64 image; pull it as usual on its own platform",
  UNSUPPORTED_MEDIATYPE: "only OCI and Docker schema 2 images are streamed; build or push it in one of these formats",
  UNSUPPORTED_ARTIFACT_TYPE: "name the image, not the artifact that was made from it",
  IMAGE_NOT_RUNNABLE: "only images of containers are streamed; this is another kind of artifact",
  REGISTRY_UNREACHABLE:
    "check the network, proxy and mirrors of this node, then ask again; images that ran here before need no registry",
  UNAUTHORIZED: "log in to the registry on this node (docker login, or a credential helper), then ask again",
  REGISTRY_ERROR: "the message names what the registry answered; ask its operator",
  ARTIFACT_INVALID: "delete the artifact and convert the image again: sluice convert --force REFERENCE",
  UNKNOWN_VERSION:
    "the artifact is of another version of the format: use a newer program on this node, or convert again with this one",
  NOT_TRUSTED:
    "the artifact does not satisfy trust.policy of this node: add its digest to trust.pins, or choose another policy",
  POOL_DISABLED: "turn it on for the pool of this node: sluice node-pool update POOL --enable-streaming true",
  LAYERS_DIFFER: "convert the image again: sluice convert --force REFERENCE; then remove it from the node and pull it",
  NOT_MOUNTABLE:
    "the log of the daemon says what it could not read: check the artifact (sluice verify REFERENCE) and the registry",
  DRIVER_UNAVAILABLE: "this machine lacks what the driver needs: see node check",
} as const;

export type NotStreamableCode = keyof typeof cures;

export class NotStreamableError extends Error {
  override readonly name = "NotStreamableError";
  readonly code: NotStreamableCode;
  /** A sentence for people. */
  readonly cure: string;
  constructor(code: NotStreamableCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.cure = cures[code];
  }
}

export const invalid = (message: string, options?: ErrorOptions): NotStreamableError =>
  new NotStreamableError("ARTIFACT_INVALID", message, options);

const codeOfRegistryError: Readonly<Record<string, NotStreamableCode>> = {
  UNAUTHORIZED: "UNAUTHORIZED",
  DENIED: "UNAUTHORIZED",
  UNREACHABLE: "REGISTRY_UNREACHABLE",
  UNAVAILABLE: "REGISTRY_UNREACHABLE",
  TIMEOUT: "REGISTRY_UNREACHABLE",
  TOO_MANY_REQUESTS: "REGISTRY_UNREACHABLE",
  SHORT_BODY: "REGISTRY_UNREACHABLE",
  UNSUPPORTED_MEDIATYPE: "UNSUPPORTED_MEDIATYPE",
  INVALID_FORMAT: "ARTIFACT_INVALID",
  DIGEST_MISMATCH: "ARTIFACT_INVALID",
};

/**
 * What a failed request to the repository of `what` means for streaming it. A fault of ours (no code) is rethrown as it is.
 *
 * @param missing what it means when it was not found
 */
export function notStreamableBecause(
  error: unknown,
  what: string,
  missing: "IMAGE_NOT_FOUND" | "ARTIFACT_NOT_FOUND" = "IMAGE_NOT_FOUND",
): NotStreamableError {
  if (error instanceof NotStreamableError) return error;
  if (error instanceof InvalidArtifactError) return new NotStreamableError(error.code, error.message, { cause: error });
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") throw error;
  const code = isNotFound(error) ? missing : (codeOfRegistryError[error.code] ?? "REGISTRY_ERROR");
  return new NotStreamableError(code, `${what}: ${error.message}`, { cause: error });
}
