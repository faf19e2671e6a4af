import { type Artifact, type ArtifactSource, findArtifact } from "@sluice/disk/artifact";
import { type AbortOptions, type Digest, type ImageManifest, type Repository, sluiceMediaTypes } from "@sluice/oci";
import { NotStreamableError, notStreamableBecause } from "./not-streamable.js";
import { notTrusted, type TrustPolicy } from "./trust.js";

/** What is known of artifacts that are attached to an image. */
export interface AttachedArtifacts {
  /** As the registry lists them now. */
  readonly referrers: readonly { readonly digest: Digest }[];
  /** Of some of them, from before. */
  readonly manifests: readonly ImageManifest[];
}

/**
 * The artifact to stream the image from: of those that this node trusts, the one that every node chooses.
 *
 * @throws {NotStreamableError} NO_ARTIFACT when none is attached; else the reason against the first candidate
 */
export async function findTrustedArtifact(
  repository: Repository,
  source: ArtifactSource,
  { referrers, manifests }: AttachedArtifacts,
  trust: TrustPolicy,
  options?: AbortOptions,
): Promise<Artifact> {
  const accept = async (artifact: Artifact): Promise<void> => {
    const verdict = await trust.judge({ repository, source: source.manifest, artifact }, options);
    if (!verdict.trusted) throw notTrusted(trust, verdict.because);
  };
  const getManifest: Repository["getManifest"] = async (target, asked) =>
    manifests.find(({ digest }) => digest === target) ?? (await repository.getManifest(target, asked));
  const place = { getManifest, referrers: repository.referrers.bind(repository) };
  const { artifact, rejections } = await findArtifact(place, source, {
    signal: options?.signal,
    referrers,
    accept,
  });
  if (artifact !== undefined) return artifact;
  if (rejections.length > 0) {
    throw notStreamableBecause(
      rejections[0],
      `artifact of ${repository.name}@${source.manifest.digest}`,
      "ARTIFACT_NOT_FOUND",
    );
  }
  throw new NotStreamableError(
    "NO_ARTIFACT",
    `${repository.name}@${source.manifest.digest}: no ${sluiceMediaTypes.artifact} is attached to it`,
  );
}
