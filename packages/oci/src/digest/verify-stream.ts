import { algorithmOf, type ContentDigest, DigestMismatchError } from "./content-digest.js";
import { Hasher } from "./hasher.js";

/** A stream ended before, or went on behind, the size that its descriptor names. */
export class SizeMismatchError extends Error {
  override readonly name = "SizeMismatchError";
  readonly code = "SIZE_MISMATCH";
  readonly expectedBytes: number;
  readonly actualBytes: number;
  constructor(what: string, expectedBytes: number, actualBytes: number, options?: ErrorOptions) {
    const verb = actualBytes > expectedBytes ? "at least " : "";
    super(`${what}: expected ${expectedBytes} bytes, read ${verb}${actualBytes}`, options);
    this.expectedBytes = expectedBytes;
    this.actualBytes = actualBytes;
  }
}

/** What a stream must turn out to be. `sizeBytes` may be unknown; then only the digest is checked. */
export interface ExpectedContent {
  readonly digest: ContentDigest;
  readonly sizeBytes?: number | undefined;
}

/**
 * The same pieces, checked on the way: throws before it ends when size or digest are wrong, and as soon as a byte too many arrives.
 * Who acts on pieces before the end acts on unproven bytes.
 *
 * @throws {SizeMismatchError} {DigestMismatchError} naming `what`
 */
export async function* verifyStream(
  source: AsyncIterable<Uint8Array>,
  expected: ExpectedContent,
  what: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { digest, sizeBytes } = expected;
  const hasher = new Hasher(algorithmOf(digest));
  for await (const piece of source) {
    hasher.update(piece);
    if (sizeBytes !== undefined && hasher.sizeBytes > sizeBytes) {
      throw new SizeMismatchError(what, sizeBytes, hasher.sizeBytes);
    }
    yield piece;
  }
  if (sizeBytes !== undefined && hasher.sizeBytes !== sizeBytes) {
    throw new SizeMismatchError(what, sizeBytes, hasher.sizeBytes);
  }
  const actual = hasher.digest();
  if (actual !== digest) throw new DigestMismatchError(what, digest, actual);
}
