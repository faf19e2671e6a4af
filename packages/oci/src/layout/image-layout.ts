import { resolve as resolvePath } from "node:path";
import type { AbortOptions } from "../abort-options.js";
import { readBounded } from "../bytes/bounded-read.js";
import type { ByteRange } from "../bytes/byte-range.js";
import type { Descriptor } from "../descriptor.js";
import { type Digest, isDigest } from "../digest/digest.js";
import { verifyStream } from "../digest/verify-stream.js";
import {
  descriptorOfManifest,
  type Manifest,
  maxManifestBytes,
  parseManifest,
  referrerDescriptor,
} from "../manifest.js";
import { isImageIndexType, isImageManifestType } from "../media-types.js";
import { isNotFound, NotFoundError } from "../repository/errors.js";
import type {
  BlobContent,
  BlobName,
  PushedManifest,
  PushManifestOptions,
  ReferrersOptions,
  Repository,
} from "../repository/repository.js";
import { LayoutBlobs } from "./layout-blobs.js";
import { type IndexEntry, indexEntry, LayoutIndex, withoutTag } from "./layout-index.js";

/**
 * An OCI image layout: a folder with `oci-layout`, `index.json` and `blobs/`. The first push makes it. Tagged manifests and artifacts with
 * a subject have an entry in `index.json`, as skopeo, umoci and oras expect; other manifests lie among the blobs.
 *
 * `latest` also finds the only image of a layout that has no tags by that name.
 */
export class ImageLayout implements Repository {
  readonly name: string;
  readonly #blobs: LayoutBlobs;
  readonly #index: LayoutIndex;
  /** Manifests never change, so what was read once holds. Only those that `index.json` names come in. */
  readonly #seen = new Map<Digest, Manifest>();

  constructor(directory: string) {
    const path = resolvePath(directory);
    this.name = `oci:${directory}`;
    this.#blobs = new LayoutBlobs(path);
    this.#index = new LayoutIndex(path);
  }

  async resolve(target: string, options?: AbortOptions): Promise<Descriptor> {
    return descriptorOfManifest(await this.getManifest(target, options));
  }

  async getManifest(target: string, options?: AbortOptions): Promise<Manifest> {
    options?.signal?.throwIfAborted();
    try {
      const digest = isDigest(target) ? target : await this.#digestOfTag(target, options);
      return await this.#readManifest(digest, options);
    } catch (error) {
      if (!isNotFound(error) || (await this.#index.isThere())) throw error;
      throw new NotFoundError(`${this.name}: there is no image layout in this folder`);
    }
  }

  blobSize(digest: Digest, options?: AbortOptions): Promise<number | undefined> {
    return options?.signal?.aborted ? Promise.reject(options.signal.reason) : this.#blobs.size(digest);
  }

  readBlob({ digest, size }: BlobName, options?: AbortOptions): AsyncIterable<Uint8Array> {
    const what = `blob ${digest} of ${this.name}`;
    return verifyStream(this.#blobs.read(digest, undefined, options), { digest, sizeBytes: size }, what);
  }

  readBlobRange(digest: Digest, range: ByteRange, options?: AbortOptions): AsyncIterable<Uint8Array> {
    return this.#blobs.read(digest, range, options);
  }

  async pushBlob(blob: BlobName, content: BlobContent, options?: AbortOptions): Promise<void> {
    if ((await this.blobSize(blob.digest, options)) === blob.size) return;
    await this.#blobs.write(content(), blob, options);
  }

  async pushBlobStream(content: AsyncIterable<Uint8Array>, options?: AbortOptions): Promise<BlobName> {
    options?.signal?.throwIfAborted();
    return this.#blobs.write(content, undefined, options);
  }

  /** Another layout's files are copied by a push like any other's. */
  mountBlob(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async pushManifest(manifest: Manifest, options: PushManifestOptions = {}): Promise<PushedManifest> {
    options.signal?.throwIfAborted();
    const descriptor = descriptorOfManifest(manifest);
    await this.#blobs.write(piecesOf(manifest.bytes), descriptor, options);
    const listed = manifest.subject !== undefined;
    await this.#index.update((entries) => this.#withManifest(entries, manifest, options.tag), options);
    return { descriptor, subjectListing: listed ? "by-registry" : "no-subject" };
  }

  async deleteManifest(digest: Digest, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    const without = (entries: readonly IndexEntry[]) =>
      Promise.resolve(entries.filter(({ descriptor }) => descriptor.digest !== digest));
    await this.#readManifest(digest, options);
    await this.#index.update(without, options);
    await this.#blobs.remove(digest);
    this.#seen.delete(digest);
  }

  async *tags(options?: AbortOptions): AsyncGenerator<string, void, undefined> {
    const tags = (await this.#index.entries(options)).flatMap(({ tag }) => (tag === undefined ? [] : [tag]));
    yield* new Set(tags);
  }

  async referrers(subject: Digest, options: ReferrersOptions = {}): Promise<readonly Descriptor[]> {
    const { artifactType } = options;
    const found = new Map<Digest, Descriptor>();
    for (const entry of await this.#index.entries(options)) {
      const manifest = await this.#manifestOf(entry, options);
      if (manifest?.subject?.digest !== subject) continue;
      const referrer = referrerDescriptor(manifest);
      if (artifactType === undefined || referrer.artifactType === artifactType) found.set(referrer.digest, referrer);
    }
    return [...found.values()];
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  async #digestOfTag(tag: string, options?: AbortOptions): Promise<Digest> {
    const entries = await this.#index.entries(options);
    const tagged = entries.find((entry) => entry.tag === tag);
    if (tagged !== undefined) return tagged.descriptor.digest;
    const images = tag === "latest" ? await this.#images(entries, options) : [];
    const [only] = images;
    if (only !== undefined && images.length === 1) return only.descriptor.digest;
    const known = [...new Set(entries.map((entry) => entry.tag).filter((name) => name !== undefined))];
    const there = known.length === 0 ? "it has no tags" : `it has ${known.slice(0, 10).join(", ")}`;
    throw new NotFoundError(`${this.name}: no image with tag ${JSON.stringify(tag.slice(0, 200))}; ${there}`);
  }

  /** Entries that are no artifacts about other entries. */
  async #images(entries: readonly IndexEntry[], options?: AbortOptions): Promise<IndexEntry[]> {
    const images: IndexEntry[] = [];
    for (const entry of entries) {
      if ((await this.#manifestOf(entry, options))?.subject === undefined) images.push(entry);
    }
    return images;
  }

  /** The tag leaves its old owner. An owner that is listed for its subject keeps an entry; a nameless image does not. */
  async #withManifest(
    entries: readonly IndexEntry[],
    manifest: Manifest,
    tag: string | undefined,
  ): Promise<readonly IndexEntry[]> {
    if (tag === undefined && manifest.subject === undefined) return entries;
    const isThere = entries.some((entry) => entry.descriptor.digest === manifest.digest);
    if (tag === undefined && isThere) return entries;
    const kept: IndexEntry[] = [];
    for (const entry of entries) {
      const isSame = entry.descriptor.digest === manifest.digest;
      if (isSame && entry.tag === undefined) continue;
      if (tag === undefined || entry.tag !== tag) kept.push(entry);
      else if (!isSame && (await this.#manifestOf(entry))?.subject !== undefined) kept.push(withoutTag(entry));
    }
    const { annotations: _annotations, ...descriptor } = referrerDescriptor(manifest);
    return [...kept, indexEntry(manifest.subject === undefined ? descriptorOfManifest(manifest) : descriptor, tag)];
  }

  /** Undefined for entries of other kinds, and for those whose blob is missing. */
  async #manifestOf({ descriptor }: IndexEntry, options?: AbortOptions): Promise<Manifest | undefined> {
    const { digest, mediaType } = descriptor;
    const known = this.#seen.get(digest);
    if (known !== undefined) return known;
    if (!isImageManifestType(mediaType) && !isImageIndexType(mediaType)) return undefined;
    try {
      const manifest = await this.#readManifest(digest, options);
      this.#seen.set(digest, manifest);
      return manifest;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #readManifest(digest: Digest, options?: AbortOptions): Promise<Manifest> {
    const what = `manifest ${digest} of ${this.name}`;
    const source = verifyStream(this.#blobs.read(digest, undefined, options), { digest }, what);
    return parseManifest(await readBounded(source, maxManifestBytes, what), what);
  }
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes;
}
