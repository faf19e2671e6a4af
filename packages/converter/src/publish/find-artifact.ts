import {
  type AbortOptions,
  type Digest,
  InvalidDocumentError,
  isNotFound,
  type Repository,
  sluiceMediaTypes,
} from "@sluice/oci";
import { type Artifact, parseArtifact } from "./artifact.js";

/** Artifacts of one image that are looked at; nobody makes as many. */
const maxLooked = 16;

/**
 * The streaming artifact of an image manifest; undefined when there is none that this program reads. Of several, one with a startup
 * blob is preferred, then the one listed last.
 */
export async function findArtifact(
  repository: Repository,
  subject: Digest,
  options?: AbortOptions,
): Promise<Artifact | undefined> {
  const descriptors = await repository.referrers(subject, { ...options, artifactType: sluiceMediaTypes.artifact });
  let found: Artifact | undefined;
  for (const { digest } of descriptors.slice(-maxLooked)) {
    const artifact = await readable(repository, digest, options);
    if (artifact?.subject !== subject) continue;
    if (found?.startup === undefined || artifact.startup !== undefined) found = artifact;
  }
  return found;
}

/** Undefined for what was deleted meanwhile, and for other versions of the format. */
async function readable(repository: Repository, digest: Digest, options?: AbortOptions): Promise<Artifact | undefined> {
  try {
    const manifest = await repository.getManifest(digest, options);
    return manifest.kind === "image" ? parseArtifact(manifest, repository.name) : undefined;
  } catch (error) {
    if (isNotFound(error) || error instanceof InvalidDocumentError) return undefined;
    throw error;
  }
}
