import {
  type AbortOptions,
  type Descriptor,
  type Digest,
  type ImageManifest,
  type Repository,
  sluiceMediaTypes,
} from "@sluice/oci";

/** What a reference named earlier, and what refers to that image now. */
export interface LookedUpBefore<I> {
  readonly image: I;
  /** Undefined when the registry did not tell. */
  readonly referrers: readonly Descriptor[] | undefined;
}

/**
 * Asks what refers to the image that the reference named earlier, while its manifest is asked for: most often it names the same image still, and one round trip is enough. Never
 * rejects: whoever needs the answer asks again.
 */
export async function askAgain<I extends { readonly source: ImageManifest }>(
  repository: Repository,
  before: Promise<I | undefined>,
  options?: AbortOptions,
): Promise<LookedUpBefore<I> | undefined> {
  const image = await before;
  if (image === undefined) return undefined;
  const referrers = await referrersOf(repository, image.source.digest, options).catch(() => undefined);
  return { image, referrers };
}

export function referrersOf(
  repository: Repository,
  source: Digest,
  options?: AbortOptions,
): Promise<readonly Descriptor[]> {
  return repository.referrers(source, { signal: options?.signal, artifactType: sluiceMediaTypes.artifact });
}
