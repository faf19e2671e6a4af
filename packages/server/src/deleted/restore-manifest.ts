import type { ContentDigest } from "@sluice/oci";
import type { StoredManifest } from "../metadata/metadata-store.js";
import type { RecordChange } from "../records/records.js";
import { type ChangeOrigin, type ChangePlaces, putTold } from "../registry/change-manifests.js";
import { describeManifest } from "../registry/manifest-description.js";
import type { Tag } from "../registry/manifest-reference.js";
import { RegistryError } from "../registry/registry-error.js";
import type { RepositoryName } from "../registry/repository-name.js";

/** What is to come back. */
export interface RestoreRequest {
  readonly repository: RepositoryName;
  /** It alone is put back, not the others that went with the manifest. */
  readonly tag: Tag | undefined;
  /** Default: what the tag pointed at last. */
  readonly digest: ContentDigest | undefined;
  /** Move the tag from another image. */
  readonly force: boolean;
}

/**
 * Brings a deleted manifest back, or a deleted tag of one that is there. May be repeated. Neither what refers to it nor the manifests of an index
 * come with it.
 * @returns its digest
 * @throws {RegistryError} when there is nothing to restore, what it needs is deleted as well, or the tag is another image's
 */
export async function restoreManifest(
  places: ChangePlaces,
  request: RestoreRequest,
  origin: ChangeOrigin,
): Promise<ContentDigest> {
  const { deleted } = places;
  const { repository, tag } = request;
  const digest = request.digest ?? (tag && (await deleted.lastOfTag(repository, tag))?.digest);
  if (digest === undefined) throw nothing(`${repository} has no deleted tag ${tag ?? "(name a tag or a digest)"}`);
  const manifest = await restorable(places, repository, digest);
  const described = describeManifest(manifest.bytes, manifest.mediaType, { kind: "digest", digest });
  const subject = described.referrer?.subject;
  if (subject !== undefined && (await deleted.find(repository, subject)) !== undefined) {
    throw refused(`${digest} refers to ${subject}, which is deleted: restore that first`);
  }
  const { missing } = await putTold(places, repository, described, tag === undefined ? [] : [tag], origin, (found) =>
    tag === undefined ? [] : recordsOfMove(places, { ...request, tag, digest }, found.tags.get(tag)),
  );
  if (missing.length > 0) throw refused(`${digest} needs ${missing.slice(0, 10).join(", ")}: restore these first`);
  return digest;
}

/** The tag's place before can be restored as well. @throws {RegistryError} when it may not move */
function recordsOfMove(
  { deleted }: ChangePlaces,
  { repository, tag, digest, force }: RestoreRequest & { readonly tag: Tag; readonly digest: ContentDigest },
  before: ContentDigest | undefined,
): readonly RecordChange[] {
  const isMoved = before !== undefined && before !== digest;
  if (isMoved && !force) {
    throw refused(`${repository}:${tag} is another image now (${before}); restore with --force to move the tag`);
  }
  return [
    ...(isMoved ? [deleted.recordOfTag(repository, tag, before)] : []),
    deleted.withoutTag(repository, tag, digest),
  ];
}

/** The manifest, deleted or there. */
async function restorable(
  { deleted, metadata }: ChangePlaces,
  repository: RepositoryName,
  digest: ContentDigest,
): Promise<StoredManifest> {
  const found = await deleted.find(repository, digest);
  const manifest = (found && (await deleted.read(repository, found))) ?? (await metadata.manifest(repository, digest));
  if (manifest === undefined) throw nothing(`${repository} has no deleted manifest ${digest}; it may have expired`);
  return manifest;
}

const nothing = (message: string): RegistryError => new RegistryError("MANIFEST_UNKNOWN", message);
const refused = (message: string): RegistryError =>
  new RegistryError("UNSUPPORTED", message, undefined, { status: 409 });
