import type { AbortOptions, ContentDigest, Descriptor } from "@sluice/oci";
import { type ChainedBatch, Level } from "level";
import type { Tag } from "../registry/manifest-reference.js";
import type { RepositoryName } from "../registry/repository-name.js";
import { KeyedLock } from "./keyed-lock.js";
import { keyOf, keysBelow, lastPart, tagOf, tagOrder } from "./level-keys.js";
import type { MetadataStore, NewManifest, Page, StoredManifest } from "./metadata-store.js";

/** What stands beside a manifest's bytes: enough to take back everything that storing it did. */
interface ManifestRecord {
  readonly mediaType: string;
  readonly subject: ContentDigest | undefined;
}

type Db = Level<string, string>;
type Batch = ChainedBatch<Db, string, string>;

/** {@link MetadataStore} in one level database, for one process. Writes to a repository go one after another. */
export class LevelMetadataStore implements MetadataStore {
  readonly #db: Db;
  readonly #repositories;
  readonly #blobs;
  readonly #records;
  readonly #bytes;
  readonly #tags;
  readonly #tagsOfManifest;
  readonly #referrers;
  readonly #uploads;
  readonly #locks = new KeyedLock();

  private constructor(db: Db) {
    this.#db = db;
    this.#repositories = db.sublevel("repositories");
    this.#blobs = db.sublevel("blobs");
    this.#records = db.sublevel<string, ManifestRecord>("manifests", { valueEncoding: "json" });
    this.#bytes = db.sublevel<string, Uint8Array>("manifest-bytes", { valueEncoding: "view" });
    this.#tags = db.sublevel<string, string>("tags", {});
    this.#tagsOfManifest = db.sublevel("tags-of-manifest");
    this.#uploads = db.sublevel("uploads");
    this.#referrers = db.sublevel<string, Descriptor<ContentDigest>>("referrers", { valueEncoding: "json" });
  }

  /** Opens the database in `folder`, or makes it. Its folder must exist. Rejects when another process has it open. */
  static async open(folder: string): Promise<LevelMetadataStore> {
    const db: Db = new Level(folder);
    await db.open();
    return new LevelMetadataStore(db);
  }

  async repositories(page: Page, options?: AbortOptions): Promise<readonly string[]> {
    return await this.#repositories
      .keys({ ...(page.after !== undefined && { gt: page.after }), limit: page.limit, ...signalOf(options) })
      .all();
  }

  async hasRepository(repository: RepositoryName): Promise<boolean> {
    return await this.#repositories.has(repository);
  }

  async linkBlob(repository: RepositoryName, digest: ContentDigest, options?: AbortOptions): Promise<void> {
    await this.#change(repository, options, async (batch) => {
      batch.put(repository, "", { sublevel: this.#repositories });
      batch.put(keyOf(repository, digest), "", { sublevel: this.#blobs });
    });
  }

  async hasBlob(repository: RepositoryName, digest: ContentDigest): Promise<boolean> {
    return await this.#blobs.has(keyOf(repository, digest));
  }

  async *linkedBlobs(options?: AbortOptions): AsyncGenerator<ContentDigest> {
    for await (const key of this.#blobs.keys(signalOf(options))) yield lastPart(key) as ContentDigest; // written by linkBlob only
  }

  async unlinkBlob(repository: RepositoryName, digest: ContentDigest, options?: AbortOptions): Promise<boolean> {
    return await this.#change(repository, options, async (batch) => {
      if (!(await this.hasBlob(repository, digest))) return false;
      batch.del(keyOf(repository, digest), { sublevel: this.#blobs });
      return true;
    });
  }

  async putManifest(
    repository: RepositoryName,
    manifest: NewManifest,
    tags: readonly Tag[],
    options?: AbortOptions,
  ): Promise<readonly ContentDigest[]> {
    return await this.#change(repository, options, async (batch) => {
      const missing = await this.#missing(repository, manifest);
      if (missing.length > 0) return missing;
      const { digest, mediaType, bytes, referrer } = manifest;
      const key = keyOf(repository, digest);
      batch.put(repository, "", { sublevel: this.#repositories });
      batch.put(key, { mediaType, subject: referrer?.subject }, { sublevel: this.#records });
      batch.put(key, bytes, { sublevel: this.#bytes });
      if (referrer !== undefined) {
        batch.put(keyOf(repository, referrer.subject, digest), referrer.descriptor, { sublevel: this.#referrers });
      }
      for (const tag of tags) await this.#moveTag(batch, repository, tag, digest);
      return missing;
    });
  }

  async manifest(repository: RepositoryName, digest: ContentDigest): Promise<StoredManifest | undefined> {
    const key = keyOf(repository, digest);
    const [record, bytes] = await Promise.all([this.#records.get(key), this.#bytes.get(key)]);
    return record && bytes && { mediaType: record.mediaType, bytes };
  }

  async deleteManifest(repository: RepositoryName, digest: ContentDigest, options?: AbortOptions): Promise<boolean> {
    return await this.#change(repository, options, async (batch) => {
      const key = keyOf(repository, digest);
      const record = await this.#records.get(key);
      if (record === undefined) return false;
      batch.del(key, { sublevel: this.#records });
      batch.del(key, { sublevel: this.#bytes });
      if (record.subject !== undefined) {
        batch.del(keyOf(repository, record.subject, digest), { sublevel: this.#referrers });
      }
      for await (const tagKey of this.#tagsOfManifest.keys(keysBelow([repository, digest]))) {
        batch.del(tagKey, { sublevel: this.#tagsOfManifest });
        batch.del(keyOf(repository, tagOrder(lastPart(tagKey))), { sublevel: this.#tags });
      }
      return true;
    });
  }

  async resolveTag(repository: RepositoryName, tag: Tag): Promise<ContentDigest | undefined> {
    const digest = await this.#tags.get(keyOf(repository, tagOrder(tag)));
    return digest as ContentDigest | undefined; // written by #moveTag only
  }

  async tags(repository: RepositoryName, page: Page, options?: AbortOptions): Promise<readonly string[]> {
    const range = keysBelow([repository], page.after === undefined ? undefined : tagOrder(page.after));
    const keys = await this.#tags.keys({ ...range, limit: page.limit, ...signalOf(options) }).all();
    return keys.map((key) => tagOf(lastPart(key)));
  }

  async deleteTag(repository: RepositoryName, tag: Tag, options?: AbortOptions): Promise<boolean> {
    return await this.#change(repository, options, async (batch) => {
      const digest = await this.resolveTag(repository, tag);
      if (digest === undefined) return false;
      batch.del(keyOf(repository, tagOrder(tag)), { sublevel: this.#tags });
      batch.del(keyOf(repository, digest, tag), { sublevel: this.#tagsOfManifest });
      return true;
    });
  }

  async referrers(
    repository: RepositoryName,
    subject: ContentDigest,
    options?: AbortOptions,
  ): Promise<readonly Descriptor<ContentDigest>[]> {
    return await this.#referrers.values({ ...keysBelow([repository, subject]), ...signalOf(options) }).all();
  }

  async addUpload(repository: RepositoryName, id: string): Promise<void> {
    await this.#uploads.put(id, repository);
  }

  async repositoryOfUpload(id: string): Promise<string | undefined> {
    return await this.#uploads.get(id);
  }

  async removeUpload(id: string): Promise<void> {
    await this.#uploads.del(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#db.close();
  }

  /** Reads and writes of one change to a repository, alone and all at once. */
  async #change<T>(
    repository: RepositoryName,
    options: AbortOptions | undefined,
    work: (batch: Batch) => Promise<T>,
  ): Promise<T> {
    return await this.#locks.run(repository, async () => {
      options?.signal?.throwIfAborted();
      const batch = this.#db.batch();
      try {
        const result = await work(batch);
        if (batch.length > 0) await batch.write({ sync: true });
        return result;
      } finally {
        await batch.close();
      }
    });
  }

  async #missing(repository: RepositoryName, manifest: NewManifest): Promise<readonly ContentDigest[]> {
    const [hasBlobs, hasManifests] = await Promise.all([
      this.#blobs.hasMany(manifest.blobs.map((digest) => keyOf(repository, digest))),
      this.#records.hasMany(manifest.manifests.map((digest) => keyOf(repository, digest))),
    ]);
    return [
      ...manifest.blobs.filter((_, at) => hasBlobs[at] !== true),
      ...manifest.manifests.filter((_, at) => hasManifests[at] !== true),
    ];
  }

  async #moveTag(batch: Batch, repository: RepositoryName, tag: Tag, digest: ContentDigest): Promise<void> {
    const before = await this.resolveTag(repository, tag);
    if (before !== undefined) batch.del(keyOf(repository, before, tag), { sublevel: this.#tagsOfManifest });
    batch.put(keyOf(repository, tagOrder(tag)), digest, { sublevel: this.#tags });
    batch.put(keyOf(repository, digest, tag), "", { sublevel: this.#tagsOfManifest });
  }
}

/** level refuses an explicit `undefined`. */
const signalOf = (options: AbortOptions | undefined): { signal?: AbortSignal } =>
  options?.signal === undefined ? {} : { signal: options.signal };
