import type { AbortOptions, Descriptor, Digest, Repository } from "@sluice/oci";

/** Something attached to an image, with what is attached to it when that was asked for. */
export interface Referrer extends Descriptor {
  readonly referrers?: readonly Referrer[];
}

export interface ReferrersQuery extends AbortOptions {
  readonly artifactType?: string | undefined;
  /** With what refers to the referrers, and so on. */
  readonly isRecursive?: boolean | undefined;
}

/** Levels below an image: a signature of an SBOM of an image is two. Loops cannot be, but lists that never end can. */
const maxDepth = 8;

/** What is attached to an image; of an index, to its images too. */
export async function referrersOf(
  repository: Repository,
  target: string,
  query: ReferrersQuery,
): Promise<{ readonly subject: Digest; readonly referrers: readonly Referrer[] }> {
  const subject = await repository.resolve(target, { signal: query.signal });
  const subjects = [subject.digest, ...(await imagesOf(repository, subject, query))];
  const lists: (readonly Referrer[])[] = [];
  for (const digest of subjects) lists.push(await listed(repository, digest, query, maxDepth));
  return { subject: subject.digest, referrers: lists.flat() };
}

/** The images of an index: what streams them is attached to them, not to the index. */
async function imagesOf(
  repository: Repository,
  subject: Descriptor,
  { signal }: AbortOptions,
): Promise<readonly Digest[]> {
  const { isImageIndexType } = await import("@sluice/oci");
  if (!isImageIndexType(subject.mediaType)) return [];
  const manifest = await repository.getManifest(subject.digest, { signal });
  return manifest.kind === "index" ? [...new Set(manifest.manifests.map(({ digest }) => digest))] : [];
}

async function listed(
  repository: Repository,
  subject: Digest,
  query: ReferrersQuery,
  depth: number,
): Promise<readonly Referrer[]> {
  const { signal, artifactType, isRecursive = false } = query;
  const found = await repository.referrers(subject, { signal, artifactType });
  if (!isRecursive || depth === 0) return found;
  const deep: Referrer[] = [];
  for (const referrer of found) {
    const referrers = await listed(repository, referrer.digest, query, depth - 1);
    deep.push({ ...referrer, ...(referrers.length > 0 && { referrers }) });
  }
  return deep;
}
