import type { ContentDigest } from "@sluice/oci";
import type { StoredManifest } from "../metadata/metadata-store.js";
import type { Page } from "../records/page.js";
import type { NewRecord, Record, RecordChange, Records } from "../records/records.js";
import { type SoftDeletePolicy, softDeletePolicy } from "./soft-delete-policy.js";

/** A manifest that can be restored. */
export interface DeletedManifest {
  readonly digest: ContentDigest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** Those that went with it. */
  readonly tags: readonly string[];
  /** RFC 3339. */
  readonly deletedAt: string;
  /** Name of the account; "" for those who do not log in. */
  readonly deletedBy: string;
}

/** A tag that can be put back. */
export interface DeletedTag {
  readonly tag: string;
  readonly digest: ContentDigest;
  readonly deletedAt: string;
}

const dayMs = 24 * 60 * 60 * 1000;
const pageLength = 200;

/** What was deleted and can be restored, by repository, in the records. */
export class DeletedImages {
  readonly records: Records;

  constructor(records: Records) {
    this.records = records;
  }

  policy(): Promise<SoftDeletePolicy> {
    return softDeletePolicy(this.records);
  }

  /** To write with the deletion of a manifest. Its bytes lie apart, so that lists stay small. */
  recordsOf(
    repository: string,
    { bytes, mediaType }: StoredManifest,
    facts: Pick<DeletedManifest, "digest" | "tags" | "deletedBy">,
  ): readonly NewRecord[] {
    const deletedAt = new Date().toISOString();
    const manifest: DeletedManifest = { ...facts, mediaType, sizeBytes: bytes.byteLength, deletedAt };
    const { digest, tags } = facts;
    return [
      { kind: manifestsOf(repository), key: digest, document: manifest },
      { kind: bytesOf(repository), key: digest, document: { base64: Buffer.from(bytes).toString("base64") } },
      ...tags.map((tag) => this.recordOfTag(repository, tag, digest)),
    ];
  }

  /** To write with the deletion of a tag, or with what moves it elsewhere. */
  recordOfTag(repository: string, tag: string, digest: ContentDigest): NewRecord {
    const document: DeletedTag = { tag, digest, deletedAt: new Date().toISOString() };
    return { kind: tagsOf(repository), key: `${tag}@${digest}`, document };
  }

  async find(repository: string, digest: ContentDigest): Promise<DeletedManifest | undefined> {
    return (await this.records.get<DeletedManifest>(manifestsOf(repository), digest))?.document;
  }

  async read(repository: string, { digest, mediaType }: DeletedManifest): Promise<StoredManifest | undefined> {
    const found = await this.records.get<{ readonly base64: string }>(bytesOf(repository), digest);
    return found && { mediaType, bytes: Buffer.from(found.document.base64, "base64") };
  }

  /** By digest. */
  async manifests(repository: string, page: Page): Promise<readonly DeletedManifest[]> {
    return documentsOf(await this.records.list<DeletedManifest>(manifestsOf(repository), page));
  }

  /** By tag and digest. `after` is `TAG@DIGEST`. */
  async tags(repository: string, page: Page): Promise<readonly DeletedTag[]> {
    return documentsOf(await this.records.list<DeletedTag>(tagsOf(repository), page));
  }

  /** What a tag pointed at when it was deleted last. */
  async lastOfTag(repository: string, tag: string): Promise<DeletedTag | undefined> {
    let latest: DeletedTag | undefined;
    for (let after = `${tag}@`; ; ) {
      const page = await this.tags(repository, { after, limit: pageLength });
      const ours = page.filter((one) => one.tag === tag);
      for (const one of ours) if (latest === undefined || one.deletedAt >= latest.deletedAt) latest = one;
      const end = page.at(-1);
      if (end === undefined || ours.length < page.length) return latest;
      after = `${end.tag}@${end.digest}`;
    }
  }

  /** To write with what brings a manifest back, or deletes it for good. */
  withoutManifest(repository: string, digest: ContentDigest): readonly RecordChange[] {
    return [manifestsOf(repository), bytesOf(repository)].map((kind) => gone(kind, digest));
  }

  /** To write with what puts a tag back. */
  withoutTag(repository: string, tag: string, digest: ContentDigest): RecordChange {
    return gone(tagsOf(repository), `${tag}@${digest}`);
  }

  /** Manifests that are older than the policy of today wants, page by page, each with the changes that forget it unless it was deleted again. */
  async *expiredManifests(repository: string, policy: SoftDeletePolicy): AsyncGenerator<Expired<DeletedManifest>> {
    for await (const known of all((page) => this.records.list<DeletedManifest>(manifestsOf(repository), page))) {
      const { document, version } = known;
      if (!isOld(document, policy)) continue;
      const [manifest, bytes] = [manifestsOf(repository), bytesOf(repository)];
      yield { document, changes: [{ ...gone(manifest, known.key), version }, gone(bytes, known.key)] };
    }
  }

  /** As {@link expiredManifests}, of tags. */
  async *expiredTags(repository: string, policy: SoftDeletePolicy): AsyncGenerator<Expired<DeletedTag>> {
    for await (const { key, document, version } of all((page) =>
      this.records.list<DeletedTag>(tagsOf(repository), page),
    )) {
      if (isOld(document, policy)) yield { document, changes: [{ ...gone(tagsOf(repository), key), version }] };
    }
  }
}

/** What nobody can restore any more. */
interface Expired<T> {
  readonly document: T;
  readonly changes: readonly RecordChange[];
}

const isOld = ({ deletedAt }: { readonly deletedAt: string }, { days }: SoftDeletePolicy): boolean =>
  deletedAt < new Date(Date.now() - days * dayMs).toISOString();

/** Until when something can be restored. RFC 3339. */
export const expiresAt = (deletedAt: string, { days }: SoftDeletePolicy): string =>
  new Date(Date.parse(deletedAt) + days * dayMs).toISOString();

const manifestsOf = (repository: string): string => `deleted-manifest/${repository}`;
const bytesOf = (repository: string): string => `deleted-bytes/${repository}`;
const tagsOf = (repository: string): string => `deleted-tag/${repository}`;
const gone = (kind: string, key: string): RecordChange => ({ kind, key, document: undefined });
const documentsOf = <T>(records: readonly Record<T>[]): readonly T[] => records.map(({ document }) => document);

async function* all<T>(list: (page: Page) => Promise<readonly Record<T>[]>): AsyncGenerator<Record<T>> {
  for (let after: string | undefined; ; ) {
    const page = await list({ after, limit: pageLength });
    yield* page;
    after = page.at(-1)?.key;
    if (page.length < pageLength) return;
  }
}
