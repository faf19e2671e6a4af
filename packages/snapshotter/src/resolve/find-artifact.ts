import { type Artifact, type ArtifactSource, findArtifact } from "@sluice/disk/artifact";
import { type AbortOptions, type Digest, type Repository, sluiceMediaTypes } from "@sluice/oci";
import { NotStreamableError } from "./not-streamable.js";
import type { TrustPolicy } from "./trust.js";

/**
 * The artifact to stream the image from: of those that this node trusts, the one that every node chooses.
 *
 * @throws {NotStreamableError} NO_ARTIFACT when none is attached; else the reason against the first candidate
 */
export async function findTrustedArtifact(
  repository: Repository,
  source: ArtifactSource,
  referrers: readonly { readonly digest: Digest }[],
  trust: TrustPolicy,
  options?: AbortOptions,
): Promise<Artifact> {
  const accept = async (artifact: Artifact): Promise<void> => {
    const verdict = await trust.judge({ repository, source: source.manifest, artifact }, options);
    if (!verdict.trusted) throw new NotStreamableError("NOT_TRUSTED", `policy ${trust.name}: ${verdict.because}`);
  };
  const { artifact, rejections } = await findArtifact(repository, source, {
    signal: options?.signal,
    referrers,
    accept,
  });
  if (artifact !== undefined) return artifact;
  if (rejections.length > 0) throw rejections[0];
  throw new NotStreamableError(
    "NO_ARTIFACT",
    `${repository.name}@${source.manifest.digest}: no ${sluiceMediaTypes.artifact} is attached to it`,
  );
}
