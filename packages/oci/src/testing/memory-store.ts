import { type Digest, sha256Of } from "../digest/digest.js";
import { type Manifest, parseManifest } from "../manifest.js";

/** What one repository of the test registry holds. */
export class MemoryRepository {
  readonly blobs: Map<Digest, Uint8Array> = new Map();
  readonly manifests: Map<Digest, Manifest> = new Map();
  readonly tags: Map<string, Digest> = new Map();

  /** The digest behind a tag or digest, if it is there. */
  find(target: string): Manifest | undefined {
    const digest = this.tags.get(target) ?? (target as Digest); // a text that is no digest is no key either
    return this.manifests.get(digest);
  }

  putManifest(bytes: Uint8Array, contentType: string | undefined, tag: string | undefined): Manifest {
    const manifest = parseManifest(bytes, "pushed manifest", contentType);
    this.manifests.set(manifest.digest, manifest);
    if (tag !== undefined) this.tags.set(tag, manifest.digest);
    return manifest;
  }

  deleteManifest(digest: Digest): boolean {
    for (const [tag, target] of this.tags) if (target === digest) this.tags.delete(tag);
    return this.manifests.delete(digest);
  }

  putBlob(bytes: Uint8Array): Digest {
    const digest = sha256Of(bytes);
    this.blobs.set(digest, bytes);
    return digest;
  }

  referrersOf(subject: Digest): Manifest[] {
    return [...this.manifests.values()].filter((manifest) => manifest.subject?.digest === subject);
  }
}

/** The repositories of the test registry, made when first named. */
export class MemoryStore {
  readonly #repositories = new Map<string, MemoryRepository>();

  repository(name: string): MemoryRepository {
    const known = this.#repositories.get(name) ?? new MemoryRepository();
    this.#repositories.set(name, known);
    return known;
  }

  /** A blob of any repository. */
  findBlob(digest: Digest): Uint8Array | undefined {
    for (const repository of this.#repositories.values()) {
      const blob = repository.blobs.get(digest);
      if (blob !== undefined) return blob;
    }
    return undefined;
  }
}
