import { type ContentDigest, isContentDigest, isTag } from "@sluice/oci";
import { RegistryError } from "./registry-error.js";

declare const tagBrand: unique symbol;

/** A tag, such as `1.27-alpine`. Made only by {@link parseTag}. */
export type Tag = string & { readonly [tagBrand]: true };

/** How a request names a manifest. */
export type ManifestReference =
  | { readonly kind: "tag"; readonly tag: Tag }
  | { readonly kind: "digest"; readonly digest: ContentDigest };

/** @throws {RegistryError} MANIFEST_INVALID */
export function parseTag(text: string): Tag {
  if (!isTag(text)) {
    throw new RegistryError("MANIFEST_INVALID", `invalid tag ${JSON.stringify(text.slice(0, 200))}`, {
      grammar: "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}",
    });
  }
  return text as Tag; // the only cast
}

/** @throws {RegistryError} DIGEST_INVALID */
export function parseRequestDigest(text: string): ContentDigest {
  if (!isContentDigest(text)) {
    throw new RegistryError(
      "DIGEST_INVALID",
      `expected sha256: or sha512: and lower-case hex digits, got ${text.slice(0, 200)}`,
    );
  }
  return text;
}

/** What stands behind `/manifests/`: a digest has a colon, a tag cannot. */
export function parseManifestReference(text: string): ManifestReference {
  if (text.includes(":")) return { kind: "digest", digest: parseRequestDigest(text) };
  return { kind: "tag", tag: parseTag(text) };
}
