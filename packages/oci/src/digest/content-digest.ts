import { createHash } from "node:crypto";
import { type Digest, isDigest } from "./digest.js";

declare const sha512Brand: unique symbol;

/** `sha512:` and 128 lower-case hex digits. Made only by {@link isContentDigest} and {@link contentDigestOf}. */
type Sha512Digest = `sha512:${string}` & { readonly [sha512Brand]: true };

/** What content may be named by in a registry: image specification, "Registered Algorithms". Our own documents name by sha256 only. */
export type ContentDigest = Digest | Sha512Digest;

export type DigestAlgorithm = "sha256" | "sha512";

export function isContentDigest(text: string): text is ContentDigest {
  return isDigest(text) || /^sha512:[0-9a-f]{128}$/.test(text);
}

export const algorithmOf = (digest: ContentDigest): DigestAlgorithm =>
  digest.startsWith("sha512:") ? "sha512" : "sha256";

/** The hash of a digest as lower-case hex digits. */
export const hexOf = (digest: ContentDigest): string => digest.slice(digest.indexOf(":") + 1);

export function contentDigestOf(bytes: Uint8Array | string, algorithm: DigestAlgorithm): ContentDigest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest("hex")}` as ContentDigest; // the hash has the right form
}

const cure = "They are damaged, or others than were named: get them elsewhere, or push them again";

/** The source answered, and the bytes are not the ones named. Asking the same source again is pointless. */
export class DigestMismatchError extends Error {
  override readonly name = "DigestMismatchError";
  readonly code = "DIGEST_MISMATCH";
  readonly expected: ContentDigest;
  readonly actual: ContentDigest;
  constructor(what: string, expected: ContentDigest, actual: ContentDigest, options?: ErrorOptions) {
    super(`${what}: expected ${expected}, read ${actual}. ${cure}`, options);
    this.expected = expected;
    this.actual = actual;
  }
}
