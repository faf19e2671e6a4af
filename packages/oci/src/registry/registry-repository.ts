import type { AbortOptions } from "../abort-options.js";
import type { ByteRange } from "../bytes/byte-range.js";
import type { Descriptor } from "../descriptor.js";
import type { Digest } from "../digest/digest.js";
import { verifyStream } from "../digest/verify-stream.js";
import { descriptorOfManifest, type Manifest, referrerDescriptor } from "../manifest.js";
import type {
  BlobContent,
  BlobName,
  PushedManifest,
  PushManifestOptions,
  ReadRangeOptions,
  ReferrersOptions,
  Repository,
  SubjectListing,
} from "../repository/repository.js";
import { readBytes } from "./blob-reads.js";
import { blobSize, mountBlob, pushBlob } from "./blob-writes.js";
import { pushBlobStream } from "./chunked-upload.js";
import { deleteManifest, getManifest, putManifest, resolveManifest } from "./manifests.js";
import { listReferrers, noteReferrersApi } from "./referrers.js";
import { addToReferrersTag, removeFromReferrersTag } from "./referrers-tag-update.js";
import type { RepositoryContext } from "./repository-requests.js";
import type { RegistrySession } from "./session.js";
import { listTags } from "./tags.js";

/** A repository of a registry. Opened by `RegistryClient.repository`; holds nothing of its own, so closing it does nothing. */
export class RegistryRepository implements Repository {
  readonly name: string;
  readonly #context: RepositoryContext;

  constructor(session: RegistrySession, repository: string) {
    this.name = `${session.host}/${repository}`;
    this.#context = { session, repository, name: this.name };
  }

  resolve(target: string, options?: AbortOptions): Promise<Descriptor> {
    return resolveManifest(this.#context, target, options);
  }

  getManifest(target: string, options?: AbortOptions): Promise<Manifest> {
    return getManifest(this.#context, target, options);
  }

  blobSize(digest: Digest, options?: AbortOptions): Promise<number | undefined> {
    return blobSize(this.#context, digest, options);
  }

  readBlob({ digest, size }: BlobName, options?: AbortOptions): AsyncIterable<Uint8Array> {
    const read = { digest, range: { start: 0, end: size }, whole: true };
    const what = `blob ${digest} of ${this.name}`;
    return verifyStream(readBytes(this.#context, read, options), { digest, sizeBytes: size }, what);
  }

  readBlobRange(digest: Digest, range: ByteRange, options?: ReadRangeOptions): AsyncIterable<Uint8Array> {
    return readBytes(this.#context, { digest, range, whole: false }, options);
  }

  pushBlob(blob: BlobName, content: BlobContent, options?: AbortOptions): Promise<void> {
    return pushBlob(this.#context, blob, content, options);
  }

  pushBlobStream(content: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<BlobName> {
    return pushBlobStream(this.#context, content, options);
  }

  async mountBlob(blob: BlobName, from: Repository, options?: AbortOptions): Promise<boolean> {
    if (!(from instanceof RegistryRepository)) return false;
    const source = from.#context;
    if (source.session.host !== this.#context.session.host) return false;
    if (source.repository === this.#context.repository) {
      return (await blobSize(this.#context, blob.digest, options)) === blob.size;
    }
    return mountBlob(this.#context, blob.digest, source.repository, options);
  }

  async pushManifest(manifest: Manifest, options: PushManifestOptions = {}): Promise<PushedManifest> {
    const { subjectListed } = await putManifest(this.#context, manifest, options.tag ?? manifest.digest, options);
    const subjectListing = await this.#listUnderSubject(manifest, subjectListed, options);
    return { descriptor: descriptorOfManifest(manifest), subjectListing };
  }

  async deleteManifest(digest: Digest, options?: AbortOptions): Promise<void> {
    const { subject } = await getManifest(this.#context, digest, options);
    await deleteManifest(this.#context, digest, options);
    if (subject !== undefined) await removeFromReferrersTag(this.#context, subject.digest, digest, options);
  }

  tags(options?: AbortOptions): AsyncIterable<string> {
    return listTags(this.#context, options);
  }

  referrers(subject: Digest, options?: ReferrersOptions): Promise<readonly Descriptor[]> {
    return listReferrers(this.#context, subject, options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  async #listUnderSubject(manifest: Manifest, listed: boolean, options: AbortOptions): Promise<SubjectListing> {
    if (manifest.subject === undefined) return "no-subject";
    if (listed) {
      noteReferrersApi(this.#context);
      return "by-registry";
    }
    await addToReferrersTag(this.#context, manifest.subject.digest, referrerDescriptor(manifest), options);
    return "by-tag";
  }
}
