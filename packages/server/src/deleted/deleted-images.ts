import type { ContentDigest } from "@sluice/oci";
import type { StoredManifest } from "../metadata/metadata-store.js";
import type { Page } from "../records/page.js";
import type { NewRecord, Record, Records } from "../records/records.js";
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

  async forgetManifest(repository: string, digest: ContentDigest): Promise<void> {
    await this.records.write([manifestsOf(repository), bytesOf(repository)].map((kind) => gone(kind, digest)));
  }

  async forgetTag(repository: string, tag: string, digest: ContentDigest): Promise<void> {
    await this.records.delete(tagsOf(repository), `${tag}@${digest}`);
  }

  /** What is older than the policy of today wants, page by page. */
  async *expired(
    repository: string,
    policy: SoftDeletePolicy,
  ): AsyncGenerator<{ readonly manifest?: DeletedManifest; readonly tag?: DeletedTag }> {
    const before = new Date(Date.now() - policy.days * dayMs).toISOString();
    const isOld = ({ deletedAt }: { readonly deletedAt: string }): boolean => deletedAt < before;
    for await (const manifest of all((page) => this.records.list<DeletedManifest>(manifestsOf(repository), page))) {
      if (isOld(manifest)) yield { manifest };
    }
    for await (const tag of all((page) => this.records.list<DeletedTag>(tagsOf(repository), page))) {
      if (isOld(tag)) yield { tag };
    }
  }
}

/** Until when something can be restored. RFC 3339. */
export const expiresAt = (deletedAt: string, { days }: SoftDeletePolicy): string =>
  new Date(Date.parse(deletedAt) + days * dayMs).toISOString();

const manifestsOf = (repository: string): string => `deleted-manifest/${repository}`;
const bytesOf = (repository: string): string => `deleted-bytes/${repository}`;
const tagsOf = (repository: string): string => `deleted-tag/${repository}`;
const gone = (kind: string, key: string) => ({ kind, key, document: undefined });
const documentsOf = <T>(records: readonly Record<T>[]): readonly T[] => records.map(({ document }) => document);

async function* all<T>(list: (page: Page) => Promise<readonly Record<T>[]>): AsyncGenerator<T> {
  for (let after: string | undefined; ; ) {
    const page = await list({ after, limit: pageLength });
    yield* documentsOf(page);
    after = page.at(-1)?.key;
    if (page.length < pageLength) return;
  }
}
