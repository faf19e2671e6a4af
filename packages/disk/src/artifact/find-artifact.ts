import { type AbortOptions, type Descriptor, type Digest, type Repository, sluiceMediaTypes } from "@sluice/oci";
import type { Artifact, ArtifactSource } from "./artifact.js";
import { InvalidArtifactError } from "./invalid-artifact-error.js";
import { parseArtifact } from "./parse-artifact.js";
import { recordingsCount } from "./recordings-count.js";
import { requireFit } from "./require-fit.js";

/** Manifests that are read at once: as many as an honest repository ever lists for one image. */
const batchSize = 16;
/** A list ends here, so that who fills it costs a lookup 65 rounds and no more, whatever it says of recordings. */
const maxCandidates = 64 * batchSize;

/** What it takes of a repository. */
type ArtifactPlace = Pick<Repository, "referrers" | "getManifest">;

export interface FindArtifactOptions extends AbortOptions {
  /** What refers to the image, when it was listed already. */
  readonly referrers?: readonly Pick<Descriptor, "digest" | "annotations">[] | undefined;
  /** Rejects an artifact that fits but is not wanted. */
  readonly accept?: ((artifact: Artifact) => Promise<void>) | undefined;
}

export interface ArtifactChoice {
  readonly artifact: Artifact | undefined;
  /** Why each candidate that was looked at is not the one; in the order they were looked at. */
  readonly rejections: readonly unknown[];
}

/**
 * The artifact that stands for an image: the same for whoever asks, because artifacts carry no time. Candidates are looked at at most 16 at once, those
 * that are listed with the most recordings first and alone, then by digest, until one is good and none is listed with more recordings than it has. Of the good ones among these, the one learned from most starts
 * wins, then one with a startup blob, then the first digest. docs/format.md §6
 *
 * Rejects only when the candidates cannot be listed, or with the signal's reason.
 */
export async function findArtifact(
  repository: ArtifactPlace,
  source: ArtifactSource,
  options: FindArtifactOptions = {},
): Promise<ArtifactChoice> {
  const { signal } = options;
  const asked = { signal, artifactType: sluiceMediaTypes.artifact };
  const referrers = options.referrers ?? (await repository.referrers(source.manifest.digest, asked));
  const rejections: unknown[] = [];
  let best: Artifact | undefined;
  for (const { digests, recordings } of batchesOf(candidatesAmong(referrers))) {
    if (best !== undefined && best.recordings >= recordings) break;
    const outcomes = await Promise.allSettled(digests.map((digest) => judged(repository, source, digest, options)));
    signal?.throwIfAborted();
    const good = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    rejections.push(...outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : [])));
    [best] = [...(best === undefined ? [] : [best]), ...good].sort(byPreference);
  }
  return { artifact: best, rejections };
}

interface Candidate {
  readonly digest: Digest;
  /** What the list says. Decides the order and nothing else. */
  readonly recordings: number;
}

/** Each once, in the order they are looked at. */
function candidatesAmong(referrers: readonly Pick<Descriptor, "digest" | "annotations">[]): Candidate[] {
  const listed = new Map<Digest, number>();
  for (const { digest, annotations } of referrers) {
    listed.set(digest, recordingsCount(annotations) ?? 0);
  }
  return [...listed]
    .map(([digest, recordings]) => ({ digest, recordings }))
    .sort((a, b) => b.recordings - a.recordings || compareDigests(a.digest, b.digest))
    .slice(0, maxCandidates);
}

/**
 * First those that are listed with as many recordings as the first: a recorded artifact is not waited for with those that it replaces. From then on always as many
 * as may be read at once, however they are listed.
 */
function* batchesOf(candidates: readonly Candidate[]): Generator<{ digests: Digest[]; recordings: number }> {
  const recordings = candidates[0]?.recordings ?? 0;
  const other = candidates.slice(0, batchSize).findIndex((candidate) => candidate.recordings !== recordings);
  for (let at = 0, size = other < 0 ? batchSize : other; at < candidates.length; at += size, size = batchSize) {
    const batch = candidates.slice(at, at + size);
    yield { digests: batch.map(({ digest }) => digest), recordings: batch[0]?.recordings ?? 0 };
  }
}

function byPreference(a: Artifact, b: Artifact): number {
  const byStartup = Number(b.startup !== undefined) - Number(a.startup !== undefined);
  return b.recordings - a.recordings || byStartup || compareDigests(a.digest, b.digest);
}

const compareDigests = (a: Digest, b: Digest): number => (a < b ? -1 : a > b ? 1 : 0);

async function judged(
  repository: ArtifactPlace,
  source: ArtifactSource,
  digest: Digest,
  { signal, accept }: FindArtifactOptions,
): Promise<Artifact> {
  const manifest = await repository.getManifest(digest, { signal });
  if (manifest.kind !== "image") throw new InvalidArtifactError(`streaming artifact ${digest}: it is an index`);
  const artifact = parseArtifact(manifest);
  requireFit(artifact, source);
  await accept?.(artifact);
  return artifact;
}
