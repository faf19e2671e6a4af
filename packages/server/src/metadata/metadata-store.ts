import type { AbortOptions, ContentDigest, Descriptor } from "@sluice/oci";
import type { Page } from "../records/page.js";
import type { RecordChange } from "../records/records.js";
import type { Tag } from "../registry/manifest-reference.js";
import type { RepositoryName } from "../registry/repository-name.js";

/** A manifest as it was pushed. */
export interface StoredManifest {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

/** A manifest about to be stored, with what it needs and what it is to others. */
export interface NewManifest extends StoredManifest {
  readonly digest: ContentDigest;
  /** Blobs that must be in the repository. */
  readonly blobs: readonly ContentDigest[];
  /** Manifests that must be in the repository. */
  readonly manifests: readonly ContentDigest[];
  /** What it refers to, and how a list of referrers shows it. The subject may be missing. */
  readonly referrer: { readonly subject: ContentDigest; readonly descriptor: Descriptor<ContentDigest> } | undefined;
}

/** A manifest among those of its repository. */
export interface ListedManifest extends StoredManifest {
  readonly digest: ContentDigest;
}

/** A blob in a repository that none of its manifests names. */
export interface UnusedBlob {
  readonly digest: ContentDigest;
  /** When it was linked, or when the last manifest that named it went. Milliseconds since 1970. */
  readonly sinceMs: number;
}

/** What a change found. */
export interface FoundBefore {
  /** It brings a manifest that the repository did not hold. */
  readonly isNew: boolean;
  /** Where each of the tags pointed. */
  readonly tags: ReadonlyMap<Tag, ContentDigest>;
}

/** How manifests and tags are changed. */
export interface ChangeOptions extends AbortOptions {
  /**
   * Records that are written in the same step: with the change, or not at all. Asked for once it is known that there is a change, while no other
   * is made to the repository. What it throws undoes the change.
   */
  readonly records?: ((before: FoundBefore) => readonly RecordChange[]) | undefined;
}

/** How a manifest goes. */
export interface DeletionOptions extends AbortOptions {
  /** Records that are written in the same step, given the tags that go with the manifest. */
  readonly records?: ((tags: readonly string[]) => readonly RecordChange[]) | undefined;
  /** The blobs that it names stay as if it were there, until {@link MetadataStore.releaseBlobs}. */
  readonly keepsBlobs?: boolean | undefined;
}

export interface UnlinkOptions extends AbortOptions {
  /** Only one that has been unused since before then. Milliseconds since 1970. */
  readonly unusedBeforeMs?: number | undefined;
}

export interface ReleaseOptions extends AbortOptions {
  /** Written in the same step; one of another version than named is a {@link RecordConflictError}, and nothing changes. */
  readonly records?: readonly RecordChange[] | undefined;
}

export interface ReferrersOptions extends AbortOptions {
  /** Those behind this digest only. */
  readonly after?: string | undefined;
}

/**
 * What a registry knows about its repositories: which blobs are linked into them, their manifests, tags and referrers.
 *
 * Every call that changes something is atomic, durable when it returns (unless it says otherwise), and seen by every later read. Nothing here holds blobs'
 * bytes. Names and tags have been validated by whoever made them.
 */
export interface MetadataStore extends AsyncDisposable {
  /** In the order of their names. A repository exists from the first thing put into it on. */
  repositories(page: Page, options?: AbortOptions): Promise<readonly string[]>;
  hasRepository(repository: RepositoryName, options?: AbortOptions): Promise<boolean>;

  /**
   * Links a blob if `isStored` tells that its bytes are there, which it is asked while nobody can begin to remove them.
   * @returns false if they are not, or may be about to go: what was linked before stays so
   */
  linkBlob(
    repository: RepositoryName,
    digest: ContentDigest,
    isStored: () => Promise<boolean>,
    options?: AbortOptions,
  ): Promise<boolean>;
  hasBlob(repository: RepositoryName, digest: ContentDigest, options?: AbortOptions): Promise<boolean>;
  /** The blobs of all repositories, in no order, each at least once. */
  linkedBlobs(options?: AbortOptions): AsyncIterable<ContentDigest>;
  /** Blobs of a repository that no manifest of it names. Those that change meanwhile may or may not come. */
  unusedBlobs(repository: RepositoryName, options?: AbortOptions): AsyncIterable<UnusedBlob>;
  /** Not while a manifest of the repository names it, or one that went with `keepsBlobs`. @returns whether it was linked, and is no more */
  unlinkBlob(repository: RepositoryName, digest: ContentDigest, options?: UnlinkOptions): Promise<boolean>;
  /**
   * Runs `remove` if no repository links the blob, and lets none link it meanwhile, in no process, also when this one has lost its database. What
   * fails may have begun to remove: where others share the storage, none links it until that must be over. `remove` ends when its signal fires.
   * @returns false if it is linked or being removed, and `remove` was not run
   */
  whileUnlinked(
    digest: ContentDigest,
    remove: (options?: AbortOptions) => Promise<void>,
    options?: AbortOptions,
  ): Promise<boolean>;

  /**
   * Stores a manifest, and moves `tags` to it, each given once; or stores nothing when something it needs is missing. Again: only the
   * tags move.
   * @returns what is missing; empty when it was stored
   */
  putManifest(
    repository: RepositoryName,
    manifest: NewManifest,
    tags: readonly Tag[],
    options?: ChangeOptions,
  ): Promise<readonly ContentDigest[]>;
  manifest(
    repository: RepositoryName,
    digest: ContentDigest,
    options?: AbortOptions,
  ): Promise<StoredManifest | undefined>;
  /** By digest. Those that change meanwhile may or may not come. */
  manifests(repository: RepositoryName, options?: AbortOptions): AsyncIterable<ListedManifest>;
  /** Removes a manifest, its tags and its entry among the referrers of its subject. @returns false if it was not there */
  deleteManifest(repository: RepositoryName, digest: ContentDigest, options?: DeletionOptions): Promise<boolean>;
  /** Lets go of the blobs of a manifest that went with `keepsBlobs`, unless it is there again. Again: nothing. @throws {RecordConflictError} */
  releaseBlobs(
    repository: RepositoryName,
    manifest: ContentDigest,
    blobs: readonly ContentDigest[],
    options?: ReleaseOptions,
  ): Promise<void>;
  /**
   * {@link Records.write}, while no other change is made to the repository: of records that its changes write, too.
   * @throws {RecordConflictError} and nothing is written
   */
  writeRecords(repository: RepositoryName, changes: readonly RecordChange[], options?: AbortOptions): Promise<void>;

  resolveTag(repository: RepositoryName, tag: Tag, options?: AbortOptions): Promise<ContentDigest | undefined>;
  /** In the order of the specification: letters of both cases together. */
  tags(repository: RepositoryName, page: Page, options?: AbortOptions): Promise<readonly string[]>;
  /** Removes the tag, not the manifest. @returns false if it was not there */
  deleteTag(repository: RepositoryName, tag: Tag, options?: ChangeOptions): Promise<boolean>;

  /** The manifests whose subject is `subject`, by digest, read as they are asked for. Those that change meanwhile may or may not come. */
  referrers(
    repository: RepositoryName,
    subject: ContentDigest,
    options?: ReferrersOptions,
  ): AsyncIterable<Descriptor<ContentDigest>>;

  /** Notes whose an upload is. It need not be durable: an upload nobody knows is one that was lost. */
  addUpload(repository: RepositoryName, id: string, options?: AbortOptions): Promise<void>;
  repositoryOfUpload(id: string, options?: AbortOptions): Promise<string | undefined>;
  /** The ids of those whose repository is noted, in no order. Those that change meanwhile may or may not come. */
  uploads(options?: AbortOptions): AsyncIterable<string>;
  /** Again: nothing. */
  removeUpload(id: string, options?: AbortOptions): Promise<void>;
}

/** All repositories, page by page. */
export async function* everyRepository(store: MetadataStore, options?: AbortOptions): AsyncGenerator<RepositoryName> {
  const limit = 1000;
  let after: string | undefined;
  for (;;) {
    const page = await store.repositories({ after, limit }, options);
    for (const name of page) yield name as RepositoryName; // validated when it was put
    if (page.length < limit) return;
    after = page.at(-1);
  }
}
