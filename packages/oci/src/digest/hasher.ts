import { createHash } from "node:crypto";
import { type Digest, digestOfHash } from "./digest.js";

/** A sha256 under way, with a count of what went in. */
export class Hasher {
  readonly #hash = createHash("sha256");
  #sizeBytes = 0;

  update(bytes: Uint8Array): this {
    this.#hash.update(bytes);
    this.#sizeBytes += bytes.byteLength;
    return this;
  }

  /** Bytes hashed so far. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The digest of everything that went in. Ends the hasher: any later call throws. */
  digest(): Digest {
    return digestOfHash(this.#hash.digest());
  }
}
