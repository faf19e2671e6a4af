import type { AbortOptions } from "../abort-options.js";
import type { Descriptor } from "../descriptor.js";
import type { Digest } from "../digest/digest.js";
import { createImageIndex, type ImageIndex } from "../manifest.js";
import { RegistryError } from "./errors.js";
import { putManifest } from "./manifests.js";
import { referrersTag, referrersTagOf } from "./referrers.js";
import type { RepositoryContext } from "./repository-requests.js";
import { pause } from "./retry.js";

/** Rounds until we give up against other writers. Each round, at least one writer gets through. */
const maxRounds = 20;
/** Between the write and the last look: another writer that read before our write has written by then. Milliseconds, at least. */
const settleMs = 100;

/** Lists a manifest under the fallback tag of its subject. Registries know no compare-and-swap, so it looks again and repeats what was lost. */
export function addToReferrersTag(
  context: RepositoryContext,
  subject: Digest,
  referrer: Descriptor,
  options?: AbortOptions,
): Promise<void> {
  const isListed = (entries: readonly Descriptor[]) => entries.some(({ digest }) => digest === referrer.digest);
  return updateReferrersTag(context, subject, isListed, (entries) => [...entries, referrer], options);
}

/** Takes a manifest off the fallback tag of its subject, if there is one. */
export function removeFromReferrersTag(
  context: RepositoryContext,
  subject: Digest,
  referrer: Digest,
  options?: AbortOptions,
): Promise<void> {
  const isGone = (entries: readonly Descriptor[]) => entries.every(({ digest }) => digest !== referrer);
  const without = (entries: readonly Descriptor[]) => entries.filter(({ digest }) => digest !== referrer);
  return updateReferrersTag(context, subject, isGone, without, options);
}

async function updateReferrersTag(
  context: RepositoryContext,
  subject: Digest,
  isDone: (entries: readonly Descriptor[]) => boolean,
  change: (entries: readonly Descriptor[]) => readonly Descriptor[],
  options?: AbortOptions,
): Promise<void> {
  const look = (): Promise<ImageIndex | undefined> => referrersTag(context, subject, options);
  for (let round = 0; round < maxRounds; round++) {
    const before = await look();
    if (isDone(before?.manifests ?? [])) return;
    const startedAt = performance.now();
    const after = createImageIndex(change(before?.manifests ?? []), before?.annotations);
    await putManifest(context, after, referrersTagOf(subject), options);
    const roundTripMs = performance.now() - startedAt;
    await pause((settleMs + 2 * roundTripMs) * (1 + Math.random()), options);
  }
  throw new RegistryError(`other writers kept overwriting ${referrersTagOf(subject)}`, {
    request: `PUT ${context.name}:${referrersTagOf(subject)}`,
    cure: "Try again when fewer conversions of this image run",
  });
}
