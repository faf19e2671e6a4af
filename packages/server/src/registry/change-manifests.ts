import { type AbortOptions, type ContentDigest, sluiceMediaTypes } from "@sluice/oci";
import type { DeletedImages } from "../deleted/deleted-images.js";
import type { EventOutbox } from "../events/event-outbox.js";
import type { EventRequest } from "../events/registry-event.js";
import type {
  ChangeOptions,
  FoundBefore,
  MetadataStore,
  NewManifest,
  StoredManifest,
} from "../metadata/metadata-store.js";
import { streamedImageOf } from "./manifest-description.js";
import type { Tag } from "./manifest-reference.js";
import { RegistryError } from "./registry-error.js";
import type { RepositoryName } from "./repository-name.js";

/** Where manifests change, and who is told. */
export interface ChangePlaces {
  readonly metadata: MetadataStore;
  readonly events: EventOutbox;
  /** What can be restored. */
  readonly deleted: DeletedImages;
}

/** Who changes something. */
export interface ChangeOrigin {
  /** Name of the account; "" for those who do not log in. */
  readonly caller: string;
  readonly via: "push" | "import";
  readonly request?: EventRequest | undefined;
}

/** What became of a manifest that was to be stored. */
export interface StoredChange {
  /** What it needs and the repository has not; nothing was stored unless this is empty. */
  readonly missing: readonly ContentDigest[];
  /** Sentences for whoever pushed. */
  readonly remarks: readonly string[];
}

/**
 * {@link MetadataStore.putManifest}, told to all who listen. Pushes and imports come this way.
 * @param refuse throws when the change must not be, given what it found; nothing is stored then
 * @throws {RegistryError} when it was deleted and can be restored
 */
export async function storeManifest(
  places: ChangePlaces,
  repository: RepositoryName,
  manifest: NewManifest,
  tags: readonly Tag[],
  origin: ChangeOrigin,
  refuse: (before: FoundBefore) => void = () => undefined,
): Promise<StoredChange> {
  if ((await places.deleted.find(repository, manifest.digest)) !== undefined) {
    const words = `manifest restore -n ${repository}${tags[0] === undefined ? "" : `:${tags[0]}`} -d ${manifest.digest}`;
    throw new RegistryError(
      "UNSUPPORTED",
      `${repository} has ${manifest.digest} among its deleted manifests: restore it (${words}), or wait until it has expired`,
      { digest: manifest.digest },
      { status: 409 },
    );
  }
  return await putTold(places, repository, manifest, tags, origin, (before) => {
    refuse(before);
    return [];
  });
}

/**
 * As {@link storeManifest}, of one that may be restored right now. What is there cannot be restored any more.
 * @param records to write in the same step
 */
export async function putTold(
  { deleted, events, metadata }: ChangePlaces,
  repository: RepositoryName,
  manifest: NewManifest,
  tags: readonly Tag[],
  origin: ChangeOrigin,
  records: NonNullable<ChangeOptions["records"]> = () => [],
): Promise<StoredChange> {
  const { digest, mediaType, bytes } = manifest;
  const facts = { action: "push", repository, digest, mediaType, sizeBytes: bytes.byteLength, ...origin } as const;
  const pending = events.begin(facts, tags);
  const missing = await metadata.putManifest(repository, manifest, tags, {
    records: (before) => [
      ...records(before),
      ...deleted.withoutManifest(repository, digest),
      ...pending.records(before.isNew),
    ],
  });
  return { missing, remarks: missing.length > 0 ? [] : await pending.tell() };
}

/**
 * {@link MetadataStore.deleteManifest} of a manifest and, for good, of its streaming artifacts, told to all who listen. While soft delete is on,
 * an original can be restored afterwards.
 * @returns false if it was not there
 */
export async function removeManifest(
  places: ChangePlaces,
  repository: RepositoryName,
  digest: ContentDigest,
  origin: ChangeOrigin,
): Promise<boolean> {
  const { deleted, metadata } = places;
  const manifest = await metadata.manifest(repository, digest);
  if (manifest === undefined) return false;
  const isArtifact = streamedImageOf(manifest) !== undefined;
  const isKept = !isArtifact && (await deleted.policy()).isEnabled;
  for await (const referrer of metadata.referrers(repository, digest)) {
    if (referrer.artifactType === sluiceMediaTypes.artifact) {
      await removeManifest(places, repository, referrer.digest, origin);
    }
  }
  const pending = places.events.begin(deletionOf(repository, digest, manifest, origin), []);
  const wasThere = await metadata.deleteManifest(repository, digest, {
    keepsBlobs: isKept,
    records: (tags) => [
      ...pending.records(false),
      ...(isKept
        ? deleted.recordsOf(repository, manifest, { digest, tags, deletedBy: origin.caller })
        : deleted.withoutManifest(repository, digest)),
    ],
  });
  if (wasThere) await pending.tell();
  return wasThere;
}

/** {@link MetadataStore.deleteTag}, told to all who listen. @returns false if it was not there */
export async function removeTag(
  { deleted, events, metadata }: ChangePlaces,
  repository: RepositoryName,
  tag: Tag,
  origin: ChangeOrigin,
): Promise<boolean> {
  const digest = await metadata.resolveTag(repository, tag);
  const manifest = digest && (await metadata.manifest(repository, digest));
  if (digest === undefined || manifest === undefined) return false;
  const { isEnabled } = await deleted.policy();
  const pending = events.begin(deletionOf(repository, digest, manifest, origin), [tag]);
  const wasThere = await metadata.deleteTag(repository, tag, {
    records: ({ tags }) => [
      ...pending.records(false),
      ...(isEnabled ? [deleted.recordOfTag(repository, tag, tags.get(tag) ?? digest)] : []),
    ],
  });
  if (wasThere) await pending.tell();
  return wasThere;
}

/** {@link removeManifest}, of all that a repository has. May be repeated. @returns how many */
export async function removeAll(
  places: ChangePlaces,
  repository: RepositoryName,
  origin: ChangeOrigin,
  options?: AbortOptions,
): Promise<number> {
  let removed = 0;
  for await (const { digest } of places.metadata.manifests(repository, options)) {
    if (await removeManifest(places, repository, digest, origin)) removed++;
  }
  return removed;
}

const deletionOf = (
  repository: RepositoryName,
  digest: ContentDigest,
  { bytes, mediaType }: StoredManifest,
  origin: ChangeOrigin,
) => ({ action: "delete", repository, digest, mediaType, sizeBytes: bytes.byteLength, ...origin }) as const;
