import { createHash } from "node:crypto";

declare const digestBrand: unique symbol;

/** `sha256:` and 64 lower-case hex digits. Made only by {@link parseDigest}, {@link sha256Of} and {@link digestOfHash}. */
export type Digest = `sha256:${string}` & { readonly [digestBrand]: true };

/** A text that should be a digest is not one. `from` names where it came from. */
export class InvalidDigestError extends Error {
  override readonly name = "InvalidDigestError";
  readonly code = "INVALID_DIGEST";
}

/** @throws {InvalidDigestError} naming where the text came from */
export function parseDigest(text: string, from: string): Digest {
  if (!isDigest(text)) {
    const shown = JSON.stringify(text.slice(0, 100));
    throw new InvalidDigestError(`${from}: expected sha256:<64 lower-case hex digits>, got ${shown}`);
  }
  return text;
}

export function isDigest(text: string): text is Digest {
  return /^sha256:[0-9a-f]{64}$/.test(text);
}

export function sha256Of(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}` as Digest; // the hash has the right form
}

/** The digest of 32 raw bytes at `offset` of `bytes`. @throws {RangeError} if fewer are there */
export function digestOfHash(bytes: Uint8Array, offset = 0): Digest {
  if (bytes.length < offset + 32) throw new RangeError(`digest: 32 bytes wanted at ${offset}, ${bytes.length} there`);
  return `sha256:${Buffer.from(bytes.buffer, bytes.byteOffset + offset, 32).toString("hex")}` as Digest; // 32 bytes are 64 digits
}

/** The 32 raw bytes of a digest. */
export function hashOfDigest(digest: Digest): Uint8Array {
  return Buffer.from(digest.slice("sha256:".length), "hex");
}
