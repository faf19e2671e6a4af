import type { ContentDigest } from "@sluice/oci";

/** An image that is named by another digest: it may be pulled, and not converted. */
export class UnnamedBySha256Error extends Error {
  override readonly name = "UnnamedBySha256Error";
  constructor(digest: ContentDigest) {
    super(`it is named ${digest}; a conversion needs its sha256`);
  }
}
