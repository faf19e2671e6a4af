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
  const wanted = (await everyReferrer(metadata, repository, subject)).filter(
    (referrer) => referrer.digest > last && (artifactType === null || referrer.artifactType === artifactType),
  );
  const page = wanted.slice(0, longestPage);
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

/** By digest, each once. */
async function everyReferrer(
  metadata: MetadataStore,
  repository: RepositoryName,
  subject: ContentDigest,
): Promise<readonly Descriptor<ContentDigest>[]> {
  const [indexed, tagged] = await Promise.all([
    metadata.referrers(repository, subject),
    underFallbackTag(metadata, repository, subject),
  ]);
  if (tagged.length === 0) return indexed;
  const byDigest = new Map([...tagged, ...indexed].map((descriptor) => [descriptor.digest, descriptor]));
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
