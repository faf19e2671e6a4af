// Content, digests and byte ranges, and nothing that needs a library: what the packages above need that never see a registry.

export type { AbortOptions } from "./abort-options.js";
export { readBounded, TooLargeError } from "./bytes/bounded-read.js";
export { type ByteRange, intersect, sizeOfRange, toRangeHeader } from "./bytes/byte-range.js";
export { RangeSet } from "./bytes/range-set.js";
export {
  algorithmOf,
  type ContentDigest,
  contentDigestOf,
  type DigestAlgorithm,
  DigestMismatchError,
  hexOf,
  isContentDigest,
} from "./digest/content-digest.js";
export {
  type Digest,
  digestOfHash,
  hashOfDigest,
  InvalidDigestError,
  isDigest,
  parseDigest,
  sha256Of,
} from "./digest/digest.js";
export { Hasher } from "./digest/hasher.js";
export { type ExpectedContent, SizeMismatchError, verifyStream } from "./digest/verify-stream.js";
