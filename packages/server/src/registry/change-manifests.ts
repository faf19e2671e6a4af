import type { ContentDigest } from "@sluice/oci";
import type { EventOutbox } from "../events/event-outbox.js";
import type { EventRequest } from "../events/registry-event.js";
import type { MetadataStore, NewManifest } from "../metadata/metadata-store.js";
import type { Tag } from "./manifest-reference.js";
import type { RepositoryName } from "./repository-name.js";

/** Where manifests change, and who is told. */
export interface ChangePlaces {
  readonly metadata: MetadataStore;
  readonly events: EventOutbox;
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

/** {@link MetadataStore.putManifest}, told to all who listen. Pushes and imports come this way. */
export async function storeManifest(
  { metadata, events }: ChangePlaces,
  repository: RepositoryName,
  manifest: NewManifest,
  tags: readonly Tag[],
  origin: ChangeOrigin,
): Promise<StoredChange> {
  const { digest, mediaType, bytes } = manifest;
  const facts = { action: "push", repository, digest, mediaType, sizeBytes: bytes.byteLength, ...origin } as const;
  const pending = events.begin(facts, tags);
  const missing = await metadata.putManifest(repository, manifest, tags, { records: pending.records });
  return { missing, remarks: missing.length > 0 ? [] : await pending.tell() };
}

/** {@link MetadataStore.deleteManifest}, told to all who listen. @returns false if it was not there */
export async function removeManifest(
  { metadata, events }: ChangePlaces,
  repository: RepositoryName,
  digest: ContentDigest,
  origin: ChangeOrigin,
): Promise<boolean> {
  const pending = events.begin(await deletionOf(metadata, repository, digest, origin), []);
  const wasThere = await metadata.deleteManifest(repository, digest, { records: pending.records });
  if (wasThere) await pending.tell();
  return wasThere;
}

/** {@link MetadataStore.deleteTag}, told to all who listen. @returns false if it was not there */
export async function removeTag(
  { metadata, events }: ChangePlaces,
  repository: RepositoryName,
  tag: Tag,
  origin: ChangeOrigin,
): Promise<boolean> {
  const digest = await metadata.resolveTag(repository, tag);
  if (digest === undefined) return false;
  const pending = events.begin(await deletionOf(metadata, repository, digest, origin), [tag]);
  const wasThere = await metadata.deleteTag(repository, tag, { records: pending.records });
  if (wasThere) await pending.tell();
  return wasThere;
}

async function deletionOf(
  metadata: MetadataStore,
  repository: RepositoryName,
  digest: ContentDigest,
  origin: ChangeOrigin,
) {
  const manifest = await metadata.manifest(repository, digest);
  const { mediaType = "", bytes } = manifest ?? {};
  return { action: "delete", repository, digest, mediaType, sizeBytes: bytes?.byteLength ?? 0, ...origin } as const;
}
