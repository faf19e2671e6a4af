import {
  algorithmOf,
  type ContentDigest,
  createImageIndex,
  type Descriptor,
  hexOf,
  ociMediaTypes,
  parseContentManifest,
} from "@sluice/oci";
import type { MetadataStore } from "../../metadata/metadata-store.js";
import { parseTag } from "../../registry/manifest-reference.js";
import type { RepositoryName } from "../../registry/repository-name.js";
import type { Answer, RegistryRequest } from "../answer.js";
import { longestPage } from "../paging.js";

/**
 * `GET /v2/<name>/referrers/<digest>`: an index of what has it as its subject; empty, never 404. What clients listed under the fallback
 * tag (because another registry held the repository then) is in it, too.
 */
export async function listReferrers(
  metadata: MetadataStore,
  repository: RepositoryName,
  subject: ContentDigest,
  request: RegistryRequest,
): Promise<Answer> {
  const artifactType = request.query.get("artifactType");
  const last = request.query.get("last") ?? "";
  const isWanted = (referrer: Descriptor<ContentDigest>): boolean =>
    referrer.digest > last && (artifactType === null || referrer.artifactType === artifactType);
  const wanted = await firstReferrers(metadata, { repository, subject, last, isWanted });
  const page = firstPage(wanted);
  const lastShown = page.at(-1)?.digest;
  const next = new URLSearchParams({
    ...(artifactType !== null && { artifactType }),
    ...(lastShown !== undefined && { last: lastShown }),
  });
  return {
    status: 200,
    headers: {
      "content-type": ociMediaTypes.index,
      ...(artifactType !== null && { "oci-filters-applied": "artifactType" }),
      ...(wanted.length > page.length && { link: `</v2/${repository}/referrers/${subject}?${next}>; rel="next"` }),
    },
    body: createImageIndex(page).bytes,
  };
}

/** Annotations of one referrer may have megabytes, and clients read no index beyond 4 MiB. Bytes of descriptors. */
const longestPageBytes = 2 * 1024 * 1024;

const bytesOf = (referrer: Descriptor<ContentDigest>): number => Buffer.byteLength(JSON.stringify(referrer));

/** As many as a page takes, and one at least. */
function firstPage<D extends Descriptor<ContentDigest>>(referrers: readonly D[]): readonly D[] {
  let bytes = 0;
  const end = referrers.findIndex((referrer, at) => {
    bytes += bytesOf(referrer);
    return at === longestPage || (at > 0 && bytes > longestPageBytes);
  });
  return end < 0 ? referrers : referrers.slice(0, end);
}

interface WantedReferrers {
  readonly repository: RepositoryName;
  readonly subject: ContentDigest;
  /** Those behind this digest. */
  readonly last: string;
  readonly isWanted: (referrer: Descriptor<ContentDigest>) => boolean;
}

/** By digest, each once; of those that are indexed one more than a page, and no others: there may be very many. */
async function firstReferrers(
  metadata: MetadataStore,
  { repository, subject, last, isWanted }: WantedReferrers,
): Promise<readonly Descriptor<ContentDigest>[]> {
  const byDigest = new Map<ContentDigest, Descriptor<ContentDigest>>();
  let bytes = 0;
  for await (const referrer of metadata.referrers(repository, subject, { after: last })) {
    if (!isWanted(referrer)) continue;
    byDigest.set(referrer.digest, referrer);
    bytes += bytesOf(referrer);
    if (byDigest.size > longestPage || (byDigest.size > 1 && bytes > longestPageBytes)) break;
  }
  for (const tagged of await underFallbackTag(metadata, repository, subject)) {
    if (!byDigest.has(tagged.digest) && isWanted(tagged)) byDigest.set(tagged.digest, tagged);
  }
  return [...byDigest.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

/** distribution-spec "Referrers Tag Schema": an index tagged `sha256-<hex>`, of which 64 digits count. A tag of that name that is no index lists nothing. */
async function underFallbackTag(
  metadata: MetadataStore,
  repository: RepositoryName,
  subject: ContentDigest,
): Promise<readonly Descriptor<ContentDigest>[]> {
  const digest = await metadata.resolveTag(
    repository,
    parseTag(`${algorithmOf(subject)}-${hexOf(subject).slice(0, 64)}`),
  );
  const stored = digest && (await metadata.manifest(repository, digest));
  if (!stored) return [];
  const manifest = parseContentManifest(stored.bytes, `manifest ${digest}`, stored.mediaType, "sha256");
  return manifest.kind === "index" ? manifest.manifests : [];
}
