import type { AbortOptions, ContentDigest, Descriptor } from "@sluice/oci";
import { LevelChanges, SteadyLevel } from "@sluice/store";
import { Level } from "level";
import { LevelRecords } from "../records/level-records.js";
import type { Page } from "../records/page.js";
import type { RecordChange, Records } from "../records/records.js";
import { artifactOf } from "../registry/manifest-description.js";
import type { Tag } from "../registry/manifest-reference.js";
import type { RepositoryName } from "../registry/repository-name.js";
import { KeyedLock } from "./keyed-lock.js";
import { keyOf, keysBelow, lastPart, partsOf, tagOf, tagOrder } from "./level-keys.js";
import type {
  ChangeOptions,
  DeletionOptions,
  ListedManifest,
  MetadataStore,
  NewManifest,
  ReferrersOptions,
  ReleaseOptions,
  StoredManifest,
  UnlinkOptions,
  UnusedBlob,
} from "./metadata-store.js";

/** What stands beside a manifest's bytes: enough to take back everything that storing it did. */
interface ManifestRecord {
  readonly mediaType: string;
  readonly subject: ContentDigest | undefined;
  /** Undefined in what was written before version 2, until it is upgraded. */
  readonly blobs?: readonly ContentDigest[] | undefined;
}

/** Of the keys and values. Raised when what an older program wrote must be changed before it is used. */
const version = "2";

/** Entries of a copy that are written together. */
const copiedAtOnce = 1000;
const rawEncoding = { keyEncoding: "view", valueEncoding: "view" } as const;

/** {@link MetadataStore} in one level database, for one process. Writes to a repository go one after another. */
export class LevelMetadataStore implements MetadataStore {
  readonly #level: SteadyLevel;
  readonly #repositories;
  /** When it was linked, or became unused, as text. */
  readonly #blobs;
  /** A key for each manifest that names a blob. */
  readonly #usesOfBlob;
  readonly #records;
  readonly #bytes;
  readonly #tags;
  readonly #tagsOfManifest;
  readonly #referrers;
  readonly #uploads;
  readonly #documents: LevelRecords;
  readonly #locks = new KeyedLock();
  readonly #blobLocks = new KeyedLock();

  private constructor(level: SteadyLevel) {
    this.#level = level;
    const { db } = level;
    this.#repositories = level.part(db.sublevel("repositories"));
    this.#blobs = level.part(db.sublevel<string, string>("blobs", {}));
    this.#usesOfBlob = level.part(db.sublevel("uses-of-blob"));
    this.#records = level.part(db.sublevel<string, ManifestRecord>("manifests", { valueEncoding: "json" }));
    this.#bytes = level.part(db.sublevel<string, Uint8Array>("manifest-bytes", { valueEncoding: "view" }));
    this.#tags = level.part(db.sublevel<string, string>("tags", {}));
    this.#tagsOfManifest = level.part(db.sublevel("tags-of-manifest"));
    this.#documents = new LevelRecords(level);
    this.#uploads = level.part(db.sublevel("uploads"));
    this.#referrers = level.part(
      db.sublevel<string, Descriptor<ContentDigest>>("referrers", { valueEncoding: "json" }),
    );
  }

  /** Documents in the same database. */
  get records(): Records {
    return this.#documents;
  }

  /** Opens the database in `folder`, or makes it. Its folder must exist. Rejects when another process has it open. */
  static async open(folder: string): Promise<LevelMetadataStore> {
    const store = new LevelMetadataStore(await SteadyLevel.open(folder));
    await store.#upgrade();
    return store;
  }

  async repositories(page: Page, options?: AbortOptions): Promise<readonly string[]> {
    return await this.#repositories
      .keys({ ...(page.after !== undefined && { gt: page.after }), limit: page.limit, ...signalOf(options) })
      .all();
  }

  async hasRepository(repository: RepositoryName): Promise<boolean> {
    return await this.#repositories.has(repository);
  }

  async linkBlob(
    repository: RepositoryName,
    digest: ContentDigest,
    isStored: () => Promise<boolean>,
    options?: AbortOptions,
  ): Promise<boolean> {
    return await this.#blobLocks.run(digest, async () => {
      options?.signal?.throwIfAborted();
      if (!(await isStored())) return false;
      return await this.#change(repository, options, async (changes) => {
        changes.put(repository, "", this.#repositories);
        changes.put(keyOf(repository, digest), String(Date.now()), this.#blobs);
        return true;
      });
    });
  }

  async hasBlob(repository: RepositoryName, digest: ContentDigest): Promise<boolean> {
    return await this.#blobs.has(keyOf(repository, digest));
  }

  async *linkedBlobs(options?: AbortOptions): AsyncGenerator<ContentDigest> {
    for await (const key of this.#blobs.keys(signalOf(options))) yield lastPart(key) as ContentDigest; // written by linkBlob only
  }

  async *unusedBlobs(repository: RepositoryName, options?: AbortOptions): AsyncGenerator<UnusedBlob> {
    for await (const [key, since] of this.#blobs.iterator({ ...keysBelow([repository]), ...signalOf(options) })) {
      const digest = lastPart(key) as ContentDigest; // written by linkBlob only
      if (!(await this.#isUsed(repository, digest))) yield { digest, sinceMs: Number(since) };
    }
  }

  async unlinkBlob(repository: RepositoryName, digest: ContentDigest, options?: UnlinkOptions): Promise<boolean> {
    const beforeMs = options?.unusedBeforeMs ?? Number.POSITIVE_INFINITY;
    return await this.#change(repository, options, async (changes) => {
      const key = keyOf(repository, digest);
      const since = await this.#blobs.get(key);
      if (since === undefined || Number(since) >= beforeMs || (await this.#isUsed(repository, digest))) return false;
      changes.del(key, this.#blobs);
      return true;
    });
  }

  async whileUnlinked(
    digest: ContentDigest,
    remove: (options?: AbortOptions) => Promise<void>,
    options?: AbortOptions,
  ): Promise<boolean> {
    return await this.#blobLocks.run(digest, async () => {
      for (const repository of await this.#repositories.keys(signalOf(options)).all()) {
        if (await this.#blobs.has(keyOf(repository, digest))) return false;
      }
      await remove(options);
      return true;
    });
  }

  async putManifest(
    repository: RepositoryName,
    manifest: NewManifest,
    tags: readonly Tag[],
    options?: ChangeOptions,
  ): Promise<readonly ContentDigest[]> {
    return await this.#change(repository, options, async (changes) => {
      const missing = await this.#missing(repository, manifest);
      if (missing.length > 0) return missing;
      const { digest, mediaType, bytes, referrer, blobs } = manifest;
      const key = keyOf(repository, digest);
      changes.put(repository, "", this.#repositories);
      changes.put(key, { mediaType, subject: referrer?.subject, blobs }, this.#records);
      for (const blob of blobs) changes.put(keyOf(repository, blob, digest), "", this.#usesOfBlob);
      changes.put(key, bytes, this.#bytes);
      if (referrer !== undefined) {
        changes.put(keyOf(repository, referrer.subject, digest), referrer.descriptor, this.#referrers);
      }
      const before = new Map<Tag, ContentDigest>();
      for (const tag of tags) {
        const from = await this.#moveTag(changes, repository, tag, digest);
        if (from !== undefined) before.set(tag, from);
      }
      const isNew = !(await this.#records.has(key));
      await this.#addRecords(changes, options?.records?.({ isNew, tags: before }));
      return missing;
    });
  }

  async manifest(repository: RepositoryName, digest: ContentDigest): Promise<StoredManifest | undefined> {
    const key = keyOf(repository, digest);
    const [record, bytes] = await Promise.all([this.#records.get(key), this.#bytes.get(key)]);
    return record && bytes && { mediaType: record.mediaType, bytes };
  }

  async *manifests(repository: RepositoryName, options?: AbortOptions): AsyncGenerator<ListedManifest> {
    for await (const [key, record] of this.#records.iterator({ ...keysBelow([repository]), ...signalOf(options) })) {
      const bytes = await this.#bytes.get(key);
      if (bytes === undefined) continue; // deleted meanwhile
      yield { digest: lastPart(key) as ContentDigest, mediaType: record.mediaType, bytes }; // written by putManifest only
    }
  }

  async deleteManifest(repository: RepositoryName, digest: ContentDigest, options?: DeletionOptions): Promise<boolean> {
    return await this.#change(repository, options, async (changes) => {
      const key = keyOf(repository, digest);
      const record = await this.#records.get(key);
      if (record === undefined) return false;
      changes.del(key, this.#records);
      changes.del(key, this.#bytes);
      if (options?.keepsBlobs !== true) await this.#release(changes, repository, digest, record.blobs ?? []);
      if (record.subject !== undefined) {
        changes.del(keyOf(repository, record.subject, digest), this.#referrers);
      }
      const tags: string[] = [];
      for await (const tagKey of this.#tagsOfManifest.keys(keysBelow([repository, digest]))) {
        tags.push(lastPart(tagKey));
        changes.del(tagKey, this.#tagsOfManifest);
        changes.del(keyOf(repository, tagOrder(lastPart(tagKey))), this.#tags);
      }
      await this.#addRecords(changes, options?.records?.(tags));
      return true;
    });
  }

  async releaseBlobs(
    repository: RepositoryName,
    manifest: ContentDigest,
    blobs: readonly ContentDigest[],
    options?: ReleaseOptions,
  ): Promise<void> {
    await this.#change(repository, options, async (changes) => {
      for (const change of options?.records ?? []) await this.#documents.addChange(changes, change);
      if (await this.#records.has(keyOf(repository, manifest))) return;
      await this.#release(changes, repository, manifest, blobs);
    });
  }

  async writeRecords(
    repository: RepositoryName,
    records: readonly RecordChange[],
    options?: AbortOptions,
  ): Promise<void> {
    await this.#change(repository, options, async (changes) => {
      for (const record of records) await this.#documents.addChange(changes, record);
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

  async deleteTag(repository: RepositoryName, tag: Tag, options?: ChangeOptions): Promise<boolean> {
    return await this.#change(repository, options, async (changes) => {
      const digest = await this.resolveTag(repository, tag);
      if (digest === undefined) return false;
      changes.del(keyOf(repository, tagOrder(tag)), this.#tags);
      changes.del(keyOf(repository, digest, tag), this.#tagsOfManifest);
      await this.#addRecords(changes, options?.records?.({ isNew: false, tags: new Map([[tag, digest]]) }));
      return true;
    });
  }

  async *referrers(
    repository: RepositoryName,
    subject: ContentDigest,
    options?: ReferrersOptions,
  ): AsyncGenerator<Descriptor<ContentDigest>> {
    yield* this.#referrers.values({ ...keysBelow([repository, subject], options?.after), ...signalOf(options) });
  }

  async addUpload(repository: RepositoryName, id: string): Promise<void> {
    await this.#level.write(new LevelChanges().put(id, repository, this.#uploads));
  }

  async repositoryOfUpload(id: string): Promise<string | undefined> {
    return await this.#uploads.get(id);
  }

  async *uploads(options?: AbortOptions): AsyncGenerator<string> {
    yield* this.#uploads.keys(signalOf(options));
  }

  async removeUpload(id: string): Promise<void> {
    await this.#level.write(new LevelChanges().del(id, this.#uploads));
  }

  /** Copies what there is at one moment into a folder that is not there; writes go on meanwhile. Durable when it returns. */
  async copyTo(folder: string): Promise<void> {
    const copy = new Level<Uint8Array, Uint8Array>(folder, rawEncoding);
    await copy.open({ errorIfExists: true });
    try {
      let batch = copy.batch();
      // An iterator sees the database as it was when it was made.
      for await (const [key, value] of this.#level.db.iterator<Uint8Array, Uint8Array>(rawEncoding)) {
        batch.put(key, value);
        if (batch.length < copiedAtOnce) continue;
        await batch.write();
        batch = copy.batch();
      }
      await batch.write({ sync: true });
    } finally {
      await copy.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#level[Symbol.asyncDispose]();
  }

  /** Notes which blobs the manifests name that were stored before that was noted: without it they would be taken for unused. */
  async #upgrade(): Promise<void> {
    if ((await this.#level.db.get("version")) === version) return;
    for await (const [key, { mediaType, subject, blobs }] of this.#records.iterator()) {
      const bytes = await this.#bytes.get(key);
      if (blobs !== undefined || bytes === undefined) continue;
      const [repository = "", digest = ""] = partsOf(key);
      const named = [...new Set(artifactOf(bytes, mediaType).blobs.map((blob) => blob.digest))];
      const changes = new LevelChanges().put(key, { mediaType, subject, blobs: named }, this.#records);
      for (const blob of named) changes.put(keyOf(repository, blob, digest), "", this.#usesOfBlob);
      await this.#level.write(changes);
    }
    await this.#level.db.put("version", version, { sync: true });
  }

  async #release(
    changes: LevelChanges,
    repository: RepositoryName,
    manifest: ContentDigest,
    blobs: readonly ContentDigest[],
  ): Promise<void> {
    for (const blob of blobs) {
      changes.del(keyOf(repository, blob, manifest), this.#usesOfBlob);
      const isLinked = await this.hasBlob(repository, blob);
      if (isLinked) changes.put(keyOf(repository, blob), String(Date.now()), this.#blobs);
    }
  }

  async #isUsed(repository: RepositoryName, digest: ContentDigest): Promise<boolean> {
    const [user] = await this.#usesOfBlob.keys({ ...keysBelow([repository, digest]), limit: 1 }).all();
    return user !== undefined;
  }

  /** Reads and writes of one change to a repository, alone and all at once. */
  async #change<T>(
    repository: RepositoryName,
    options: AbortOptions | undefined,
    work: (changes: LevelChanges) => Promise<T>,
  ): Promise<T> {
    return await this.#locks.run(repository, async () => {
      options?.signal?.throwIfAborted();
      const changes = new LevelChanges();
      const result = await work(changes);
      await this.#level.write(changes);
      return result;
    });
  }

  async #addRecords(changes: LevelChanges, records: readonly RecordChange[] = []): Promise<void> {
    for (const record of records) await this.#documents.addChange(changes, record);
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

  /** @returns where the tag was */
  async #moveTag(
    changes: LevelChanges,
    repository: RepositoryName,
    tag: Tag,
    digest: ContentDigest,
  ): Promise<ContentDigest | undefined> {
    const before = await this.resolveTag(repository, tag);
    if (before !== undefined) changes.del(keyOf(repository, before, tag), this.#tagsOfManifest);
    changes.put(keyOf(repository, tagOrder(tag)), digest, this.#tags);
    changes.put(keyOf(repository, digest, tag), "", this.#tagsOfManifest);
    return before;
  }
}

/** level refuses an explicit `undefined`. */
const signalOf = (options: AbortOptions | undefined): { signal?: AbortSignal } =>
  options?.signal === undefined ? {} : { signal: options.signal };
