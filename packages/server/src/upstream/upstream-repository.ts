import { type AbortOptions, isDigest, isNotFound, type Repository } from "@sluice/oci";
import type { RepositoryImages } from "../operations/repository-images.js";
import { UnnamedBySha256Error } from "../operations/unnamed-by-sha256-error.js";
import type { UpstreamPlace } from "./upstream.js";
import { upstreamError } from "./upstream-error.js";

/** A repository of another registry. What that registry does wrong comes as an answer to those who asked this one; what is not there, or is broken, as it is. */
export class UpstreamRepository implements RepositoryImages {
  readonly name: string;
  readonly #there: Repository;
  readonly #host: string;

  constructor(there: Repository, { upstream }: UpstreamPlace) {
    this.#there = there;
    this.name = there.name;
    this.#host = upstream.host;
  }

  readonly getManifest: RepositoryImages["getManifest"] = (target, options) =>
    this.#told(() => this.#there.getManifest(target, options));

  readonly referrers: RepositoryImages["referrers"] = (subject, options) =>
    this.#told(() => this.#there.referrers(subject, options));

  readonly readBlob: RepositoryImages["readBlob"] = (blob, options) =>
    this.#toldOf(() => this.#there.readBlob(blob, options));

  readonly digestOf: RepositoryImages["digestOf"] = (reference, options) =>
    this.#told(async () => {
      const target = reference.kind === "tag" ? reference.tag : reference.digest;
      if (reference.kind === "digest" && !isDigest(target)) throw new UnnamedBySha256Error(reference.digest);
      try {
        return (await this.#there.resolve(target, options)).digest;
      } catch (error) {
        if (isNotFound(error)) return undefined;
        throw error;
      }
    });

  readonly removeArtifact: RepositoryImages["removeArtifact"] = (artifact, _caller, options) =>
    this.#told(async () => {
      try {
        await this.#there.deleteManifest(artifact, options);
      } catch (error) {
        if (!isNotFound(error)) throw error;
      }
    });

  readonly blobSize: Repository["blobSize"] = (digest, options) =>
    this.#told(() => this.#there.blobSize(digest, options));

  /** In the order of the registry there. */
  tags(options?: AbortOptions): AsyncIterable<string> {
    return this.#toldOf(() => this.#there.tags(options));
  }

  async #told<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw upstreamError(error, this.#host);
    }
  }

  async *#toldOf<T>(work: () => AsyncIterable<T>): AsyncGenerator<T, void, undefined> {
    try {
      yield* work();
    } catch (error) {
      throw upstreamError(error, this.#host);
    }
  }
}
