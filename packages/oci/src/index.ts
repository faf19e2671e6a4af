export type { AbortOptions } from "./abort-options.js";
export { type ByteRange, intersect, sizeOfRange, toRangeHeader } from "./bytes/byte-range.js";
export {
  type Digest,
  DigestMismatchError,
  digestOfHash,
  hashOfDigest,
  InvalidDigestError,
  isDigest,
  parseDigest,
  sha256Of,
} from "./digest/digest.js";
