import type { ContentDigest } from "@sluice/oci";
import { type ManifestReference, parseManifestReference, parseRequestDigest } from "../registry/manifest-reference.js";
import { parseRepositoryName, type RepositoryName } from "../registry/repository-name.js";

/** What a path below `/v2/` names. Every part is validated: nothing else of the path goes further. */
export type Route =
  | { readonly kind: "base" }
  | { readonly kind: "catalog" }
  | { readonly kind: "tags"; readonly repository: RepositoryName }
  | { readonly kind: "manifest"; readonly repository: RepositoryName; readonly reference: ManifestReference }
  | { readonly kind: "blob"; readonly repository: RepositoryName; readonly digest: ContentDigest }
  | { readonly kind: "uploads"; readonly repository: RepositoryName }
  | { readonly kind: "upload"; readonly repository: RepositoryName; readonly id: string }
  | { readonly kind: "referrers"; readonly repository: RepositoryName; readonly subject: ContentDigest };

/**
 * Names hold slashes, so the path is read from its end: the last `/manifests/`, `/blobs/`, … parts it from the name.
 * @param path what follows `/v2/`, decoded, without the query
 * @returns undefined when it is none of the registry's paths
 * @throws {RegistryError} when it is one and a part of it is malformed
 */
export function parseRoute(path: string): Route | undefined {
  if (path === "") return { kind: "base" };
  if (path === "_catalog") return { kind: "catalog" };
  for (const [pattern, make] of patterns) {
    const match = pattern.exec(path);
    if (match) return make(match[1] ?? "", match[2] ?? "");
  }
  return undefined;
}

const patterns: readonly (readonly [RegExp, (name: string, rest: string) => Route])[] = [
  [/^(.+)\/tags\/list$/, (name) => ({ kind: "tags", repository: parseRepositoryName(name) })],
  [/^(.+)\/blobs\/uploads\/?$/, (name) => ({ kind: "uploads", repository: parseRepositoryName(name) })],
  [/^(.+)\/blobs\/uploads\/([^/]+)$/, (name, id) => ({ kind: "upload", repository: parseRepositoryName(name), id })],
  [
    /^(.+)\/manifests\/([^/]+)$/,
    (name, reference) => ({
      kind: "manifest",
      repository: parseRepositoryName(name),
      reference: parseManifestReference(reference),
    }),
  ],
  [
    /^(.+)\/blobs\/([^/]+)$/,
    (name, digest) => ({ kind: "blob", repository: parseRepositoryName(name), digest: parseRequestDigest(digest) }),
  ],
  [
    /^(.+)\/referrers\/([^/]+)$/,
    (name, digest) => ({
      kind: "referrers",
      repository: parseRepositoryName(name),
      subject: parseRequestDigest(digest),
    }),
  ],
];
