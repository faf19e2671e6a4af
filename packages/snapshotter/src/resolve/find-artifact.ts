import { type AbortOptions, type Digest, type Repository, sluiceMediaTypes } from "@sluice/oci";
import { type ArtifactSource, invalid, parseArtifact, type StreamingArtifact } from "./artifact.js";
import { NotStreamableError } from "./not-streamable.js";
import type { TrustPolicy } from "./trust.js";

/** More than a person makes of one image; a hostile list ends here. */
const maxCandidates = 16;

/**
 * The artifact to stream the image from. Of several that are valid and trusted, one with a startup blob wins, then the one whose digest sorts
 * first: artifacts carry no time, and every node must choose the same.
 *
 * @throws {NotStreamableError} NO_ARTIFACT when none is attached; else the reason against the best candidate
 */
export async function findArtifact(
  repository: Repository,
  source: ArtifactSource,
  referrers: readonly { readonly digest: Digest }[],
  trust: TrustPolicy,
  options?: AbortOptions,
): Promise<StreamingArtifact> {
  const digests = [...new Set(referrers.map((referrer) => referrer.digest))].sort().slice(0, maxCandidates);
  if (digests.length === 0) {
    throw new NotStreamableError(
      "NO_ARTIFACT",
      `${repository.name}@${source.manifest.digest}: no ${sluiceMediaTypes.artifact} is attached to it`,
    );
  }
  const outcomes = await Promise.allSettled(
    digests.map((digest) => judgeCandidate(repository, source, digest, trust, options)),
  );
  options?.signal?.throwIfAborted();
  const accepted = outcomes.filter((outcome) => outcome.status === "fulfilled").map((outcome) => outcome.value);
  const best = accepted.find((artifact) => artifact.startup) ?? accepted[0];
  if (best) return best;
  throw outcomes.find((outcome) => outcome.status === "rejected")?.reason;
}

async function judgeCandidate(
  repository: Repository,
  source: ArtifactSource,
  digest: Digest,
  trust: TrustPolicy,
  options?: AbortOptions,
): Promise<StreamingArtifact> {
  const manifest = await repository.getManifest(digest, options);
  if (manifest.kind !== "image") throw invalid(`streaming artifact ${digest}: it is an index`);
  const artifact = parseArtifact(manifest, source);
  const verdict = await trust.judge({ repository, source: source.manifest, artifact }, options);
  if (verdict.trusted) return artifact;
  throw new NotStreamableError("NOT_TRUSTED", `policy ${trust.name}: ${verdict.because}`);
}
