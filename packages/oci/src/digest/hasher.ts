import { createHash, type Hash } from "node:crypto";
import type { ContentDigest, DigestAlgorithm } from "./content-digest.js";
import type { Digest } from "./digest.js";

/** A hash under way, sha256 unless another algorithm is named, with a count of what went in. */
export class Hasher<A extends DigestAlgorithm = "sha256"> {
  readonly #algorithm: DigestAlgorithm;
  readonly #hash: Hash;
  #sizeBytes = 0;

  constructor(algorithm?: A) {
    this.#algorithm = algorithm ?? "sha256";
    this.#hash = createHash(this.#algorithm);
  }

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
  digest(): DigestBy<A> {
    return `${this.#algorithm}:${this.#hash.digest("hex")}` as DigestBy<A>; // the hash has the right form
  }
}

/** What an algorithm makes. */
type DigestBy<A extends DigestAlgorithm> = A extends "sha256" ? Digest : ContentDigest;
