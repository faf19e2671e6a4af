import type { AbortOptions } from "../../abort-options.js";
import { readBounded } from "../../bytes/bounded-read.js";
import type { ByteRange } from "../../bytes/byte-range.js";
import type { Descriptor } from "../../descriptor.js";
import { DigestMismatchError } from "../../digest/content-digest.js";
import { type Digest, isDigest } from "../../digest/digest.js";
import { verifyStream } from "../../digest/verify-stream.js";
import type { Manifest } from "../../manifest.js";
import type {
  BlobContent,
  BlobName,
  PushedManifest,
  PushManifestOptions,
  ReadRangeOptions,
  ReferrersOptions,
  Repository,
} from "../../repository/repository.js";
import { RegistryRepository } from "../registry-repository.js";
import { Attempt } from "./attempt.js";
import type { Mirror, SessionRoutes } from "./host-sessions.js";
import type { HostCapability } from "./host-settings.js";
import type { MirrorSubject } from "./mirror-health.js";

export interface MirroredRepositoryOptions {
  /** As references name it. */
  readonly host: string;
  readonly repository: string;
  readonly routes: () => Promise<SessionRoutes>;
  readonly onMirrorFailed: (mirror: string, error: unknown) => void;
}

/** Blobs up to this are held and proven before their first byte is given, so that wrong bytes of a mirror cost nobody but us. Bytes. */
const maxHeldBytes = 8 * 1024 * 1024;

/** A host to ask, and what it is asked through. Without a mirror it is the registry's own. */
interface Candidate {
  readonly mirror: Mirror | undefined;
  readonly repository: RegistryRepository;
}

/**
 * A repository of a registry that mirrors stand before. What is read comes from the first host that gives it; one that does not is passed over for a
 * while, and asked again at the end when the registry itself is away. Lists of tags and all writing go to the registry.
 */
export class MirroredRepository implements Repository {
  readonly name: string;
  readonly #options: MirroredRepositoryOptions;

  constructor(options: MirroredRepositoryOptions) {
    this.#options = options;
    this.name = `${options.host}/${options.repository}`;
  }

  resolve(target: string, options?: AbortOptions): Promise<Descriptor> {
    const ask = (repository: RegistryRepository): Promise<Descriptor> => repository.resolve(target, options);
    return this.#first(capabilityFor(target), this.#subject(target), ask, options);
  }

  getManifest(target: string, options?: AbortOptions): Promise<Manifest> {
    const ask = (repository: RegistryRepository): Promise<Manifest> => repository.getManifest(target, options);
    return this.#first(capabilityFor(target), this.#subject(target), ask, options);
  }

  async *readBlob(blob: BlobName, options?: AbortOptions): AsyncGenerator<Uint8Array, void, undefined> {
    const what = `blob ${blob.digest} of ${this.name}`;
    if (blob.size <= maxHeldBytes) {
      const ask = (repository: RegistryRepository): Promise<Uint8Array> =>
        readBounded(repository.readBlob(blob, options), maxHeldBytes, what);
      const bytes = await this.#first("pull", this.#subject(blob.digest), ask, options);
      if (bytes.byteLength > 0) yield bytes;
      return;
    }
    try {
      const whole = { start: 0, end: blob.size };
      yield* verifyStream(this.readBlobRange(blob.digest, whole, options), { digest: blob.digest }, what);
    } catch (error) {
      if (error instanceof DigestMismatchError) this.doubt(blob.digest);
      throw error;
    }
  }

  async *readBlobRange(
    digest: Digest,
    range: ByteRange,
    options?: ReadRangeOptions,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { end } = range;
    const subject = this.#subject(digest, true);
    const attempt = new Attempt(subject, this.#options.onMirrorFailed, options);
    let { start } = range;
    if (start >= end) return;
    for (const candidate of await this.#candidates("pull", subject)) {
      if (attempt.isOver) break;
      const limits = candidate.mirror === undefined ? options : { ...options, attempts: 1 };
      try {
        for await (const piece of candidate.repository.readBlobRange(digest, { start, end }, limits)) {
          start += piece.byteLength;
          yield piece;
        }
        candidate.mirror?.health.worked();
        return;
      } catch (error) {
        attempt.failed(candidate, error);
      }
    }
    throw attempt.error;
  }

  /** Not the bytes of this blob: its mirrors are not asked for it for a while. */
  doubt(blob: Digest): void {
    void this.#options.routes().then(({ mirrors }) => {
      for (const { health } of mirrors) health.doubt(this.#subject(blob, true));
    });
  }

  /** A mirror that lists nothing may only lack the list: the registry decides. */
  async referrers(subject: Digest, options: ReferrersOptions = {}): Promise<readonly Descriptor[]> {
    const asked = this.#subject(`referrers of ${subject}`);
    for (const { mirror, repository } of await this.#candidates("referrers", asked)) {
      if (mirror === undefined) break; // mirrors behind the registry rest
      try {
        const found = await repository.referrers(subject, options);
        mirror.health.worked();
        if (found.length > 0) return found;
      } catch (error) {
        options.signal?.throwIfAborted();
        mirror.health.failed(error, asked);
        this.#options.onMirrorFailed(mirror.name, error);
      }
    }
    return (await this.#server()).referrers(subject, options);
  }

  async *tags(options?: AbortOptions): AsyncGenerator<string, void, undefined> {
    yield* (await this.#server()).tags(options);
  }

  async blobSize(digest: Digest, options?: AbortOptions): Promise<number | undefined> {
    return (await this.#server()).blobSize(digest, options);
  }

  async pushBlob(blob: BlobName, content: BlobContent, options?: AbortOptions): Promise<void> {
    await (await this.#server()).pushBlob(blob, content, options);
  }

  async pushBlobStream(content: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<BlobName> {
    return (await this.#server()).pushBlobStream(content, options);
  }

  async mountBlob(blob: BlobName, from: Repository, options?: AbortOptions): Promise<boolean> {
    const source = from instanceof MirroredRepository ? await from.#server() : from;
    return (await this.#server()).mountBlob(blob, source, options);
  }

  async pushManifest(manifest: Manifest, options?: PushManifestOptions): Promise<PushedManifest> {
    return (await this.#server()).pushManifest(manifest, options);
  }

  async deleteManifest(digest: Digest, options?: AbortOptions): Promise<void> {
    await (await this.#server()).deleteManifest(digest, options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #subject(target: string, isRange = false): MirrorSubject {
    return { repository: this.#options.repository, target, isRange };
  }

  async #server(): Promise<RegistryRepository> {
    return new RegistryRepository((await this.#options.routes()).server, this.#options.repository);
  }

  /** Mirrors that may well give it, the registry, then the mirrors that were passed over. */
  async #candidates(capability: HostCapability, subject: MirrorSubject): Promise<readonly Candidate[]> {
    const { mirrors, server } = await this.#options.routes();
    const able = mirrors.filter(({ capabilities }) => isAble(capabilities, capability));
    const through = (mirror: Mirror): Candidate => ({
      mirror,
      repository: new RegistryRepository(mirror.session, this.#options.repository),
    });
    const ready = able.filter(({ health }) => health.gives(subject));
    return [
      ...ready.map(through),
      { mirror: undefined, repository: new RegistryRepository(server, this.#options.repository) },
      ...able.filter((mirror) => !ready.includes(mirror)).map(through),
    ];
  }

  async #first<T>(
    capability: HostCapability,
    subject: MirrorSubject,
    ask: (repository: RegistryRepository) => Promise<T>,
    options?: AbortOptions,
  ): Promise<T> {
    const attempt = new Attempt(subject, this.#options.onMirrorFailed, options);
    for (const candidate of await this.#candidates(capability, subject)) {
      if (attempt.isOver) break;
      try {
        const answer = await ask(candidate.repository);
        candidate.mirror?.health.worked();
        return answer;
      } catch (error) {
        attempt.failed(candidate, error);
      }
    }
    throw attempt.error;
  }
}

/** Content by digest proves itself; for what a tag names, and what refers to a manifest, the mirror must be trusted. */
const capabilityFor = (target: string): HostCapability => (isDigest(target) ? "pull" : "resolve");

const isAble = (capabilities: ReadonlySet<HostCapability>, wanted: HostCapability): boolean =>
  capabilities.has(wanted) || (wanted === "referrers" && capabilities.has("resolve"));
