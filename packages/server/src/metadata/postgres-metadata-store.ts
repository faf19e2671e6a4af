import type { AbortOptions, ContentDigest, Descriptor } from "@sluice/oci";
import type { Page } from "../records/page.js";
import { changeRecord, PostgresRecords } from "../records/postgres-records.js";
import type { RecordChange, Records } from "../records/records.js";
import type { Tag } from "../registry/manifest-reference.js";
import type { RepositoryName } from "../registry/repository-name.js";
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
import { defaultRemovalTimings, PostgresBlobRemovals, type RemovalTimings } from "./postgres-blob-removals.js";
import { lock, PostgresClient, type Query, type Row } from "./postgres-client.js";

/** Rows in one page of a list that is read to its end. Manifests have bytes, so fewer of them. */
const pageRows = 1000;
const pageManifests = 50;

/** {@link MetadataStore} in PostgreSQL, for any number of processes. Writes to a repository go one after another. */
export class PostgresMetadataStore implements MetadataStore {
  readonly #client: PostgresClient;
  readonly #removals: PostgresBlobRemovals;
  readonly records: Records;

  private constructor(client: PostgresClient, timings: RemovalTimings) {
    this.#client = client;
    this.#removals = new PostgresBlobRemovals(client, timings);
    this.records = new PostgresRecords(client);
  }

  /** @param url see {@link PostgresClient.open} */
  static async open(url: string, timings: RemovalTimings = defaultRemovalTimings): Promise<PostgresMetadataStore> {
    return new PostgresMetadataStore(await PostgresClient.open(url), timings);
  }

  async repositories({ after = "", limit }: Page): Promise<readonly string[]> {
    const rows = await this.#client.query("select name from repositories where name > $1 order by name limit $2", [
      after,
      limit,
    ]);
    return rows.map((row) => text(row, "name"));
  }

  async hasRepository(repository: RepositoryName): Promise<boolean> {
    return await this.#has("select 1 from repositories where name = $1", [repository]);
  }

  async linkBlob(
    repository: RepositoryName,
    digest: ContentDigest,
    isStored: () => Promise<boolean>,
    options?: AbortOptions,
  ): Promise<boolean> {
    const link = async (query: Query): Promise<void> => {
      await lock(query, `repository ${repository}`);
      await addRepository(query, repository);
      await query(
        "insert into blobs values ($1, $2, $3) on conflict (repository, digest) do update set since_ms = excluded.since_ms",
        [repository, digest, Date.now()],
      );
    };
    return await this.#removals.link(digest, isStored, link, options);
  }

  async hasBlob(repository: RepositoryName, digest: ContentDigest): Promise<boolean> {
    return await this.#has("select 1 from blobs where repository = $1 and digest = $2", [repository, digest]);
  }

  async *linkedBlobs(options?: AbortOptions): AsyncGenerator<ContentDigest> {
    const page = "select repository, digest from blobs where (repository, digest) > ($1, $2) order by 1, 2 limit $3";
    for (let [repository, digest] = ["", ""]; ; ) {
      options?.signal?.throwIfAborted();
      const rows = await this.#client.query(page, [repository, digest, pageRows]);
      for (const row of rows) yield text(row, "digest") as ContentDigest; // written by linkBlob only
      const last = rows.at(-1);
      if (last === undefined) return;
      [repository, digest] = [text(last, "repository"), text(last, "digest")];
    }
  }

  async *unusedBlobs(repository: RepositoryName, options?: AbortOptions): AsyncGenerator<UnusedBlob> {
    const rows = this.#paged(
      `select digest, since_ms from blobs b where repository = $1 and digest > $2 and not exists (
         select 1 from uses_of_blobs u where u.repository = b.repository and u.blob = b.digest) order by digest limit $3`,
      repository,
      pageRows,
      options,
    );
    for await (const row of rows) {
      yield { digest: text(row, "digest") as ContentDigest, sinceMs: Number(row["since_ms"]) }; // written by linkBlob only
    }
  }

  async unlinkBlob(repository: RepositoryName, digest: ContentDigest, options?: UnlinkOptions): Promise<boolean> {
    return await this.#changed(
      repository,
      `delete from blobs where repository = $1 and digest = $2 and since_ms < $3 and not exists (
         select 1 from uses_of_blobs where repository = $1 and blob = $2) returning 1`,
      [repository, digest, options?.unusedBeforeMs ?? Number.MAX_SAFE_INTEGER],
      options,
    );
  }

  async whileUnlinked(
    digest: ContentDigest,
    remove: (options: AbortOptions) => Promise<void>,
    options?: AbortOptions,
  ): Promise<boolean> {
    return await this.#removals.whileUnlinked(digest, remove, options);
  }

  async putManifest(
    repository: RepositoryName,
    manifest: NewManifest,
    tags: readonly Tag[],
    options?: ChangeOptions,
  ): Promise<readonly ContentDigest[]> {
    const { digest, mediaType, bytes, blobs, manifests, referrer } = manifest;
    return await this.#change(repository, options, async (query) => {
      const missing = [
        ...(await missingOf(query, "blobs", repository, blobs)),
        ...(await missingOf(query, "manifests", repository, manifests)),
      ];
      if (missing.length > 0) return missing;
      await addRepository(query, repository);
      const [before] = await query("select 1 from manifests where repository = $1 and digest = $2", [
        repository,
        digest,
      ]);
      await query(
        "insert into manifests values ($1, $2, $3, $4, $5, $6) on conflict (repository, digest) do update set media_type = excluded.media_type",
        [repository, digest, mediaType, bytes, referrer?.subject, referrer && JSON.stringify(referrer.descriptor)],
      );
      await query("insert into uses_of_blobs select $1, unnest($2::text[]), $3 on conflict do nothing", [
        repository,
        [...new Set(blobs)],
        digest,
      ]);
      const tagsBefore = await query("select tag, digest from tags where repository = $1 and tag = any($2)", [
        repository,
        tags,
      ]);
      for (const tag of tags) {
        await query(
          "insert into tags values ($1, $2, $3, $4) on conflict (repository, tag) do update set digest = excluded.digest",
          [repository, tag, tag.toLowerCase(), digest],
        );
      }
      await addRecords(query, options?.records?.({ isNew: before === undefined, tags: placesOf(tagsBefore) }));
      return missing;
    });
  }

  async manifest(repository: RepositoryName, digest: ContentDigest): Promise<StoredManifest | undefined> {
    const statement = "select media_type, bytes from manifests where repository = $1 and digest = $2";
    const [row] = await this.#client.query(statement, [repository, digest]);
    return row && storedOf(row);
  }

  async *manifests(repository: RepositoryName, options?: AbortOptions): AsyncGenerator<ListedManifest> {
    const rows = this.#paged(
      "select digest, media_type, bytes from manifests where repository = $1 and digest > $2 order by digest limit $3",
      repository,
      pageManifests,
      options,
    );
    for await (const row of rows) yield { digest: text(row, "digest") as ContentDigest, ...storedOf(row) }; // written by putManifest only
  }

  async deleteManifest(repository: RepositoryName, digest: ContentDigest, options?: DeletionOptions): Promise<boolean> {
    return await this.#change(repository, options, async (query) => {
      const which = [repository, digest];
      const gone = await query("delete from manifests where repository = $1 and digest = $2 returning 1", which);
      if (gone.length === 0) return false;
      const tags = await query("delete from tags where repository = $1 and digest = $2 returning tag", which);
      if (options?.keepsBlobs !== true) await release(query, repository, digest);
      await addRecords(query, options?.records?.(tags.map((row) => text(row, "tag"))));
      return true;
    });
  }

  async releaseBlobs(
    repository: RepositoryName,
    manifest: ContentDigest,
    _blobs: readonly ContentDigest[],
    options?: ReleaseOptions,
  ): Promise<void> {
    await this.#change(repository, options, async (query) => {
      await addRecords(query, options?.records);
      const there = await query("select 1 from manifests where repository = $1 and digest = $2", [
        repository,
        manifest,
      ]);
      if (there.length === 0) await release(query, repository, manifest);
    });
  }

  async writeRecords(
    repository: RepositoryName,
    changes: readonly RecordChange[],
    options?: AbortOptions,
  ): Promise<void> {
    await this.#change(repository, options, (query) => addRecords(query, changes));
  }

  async resolveTag(repository: RepositoryName, tag: Tag): Promise<ContentDigest | undefined> {
    const [row] = await this.#client.query("select digest from tags where repository = $1 and tag = $2", [
      repository,
      tag,
    ]);
    return row && (text(row, "digest") as ContentDigest); // written by putManifest only
  }

  async tags(repository: RepositoryName, { after = "", limit }: Page): Promise<readonly string[]> {
    const rows = await this.#client.query(
      "select tag from tags where repository = $1 and (folded, tag) > ($2, $3) order by folded, tag limit $4",
      [repository, after.toLowerCase(), after, limit],
    );
    return rows.map((row) => text(row, "tag"));
  }

  async deleteTag(repository: RepositoryName, tag: Tag, options?: ChangeOptions): Promise<boolean> {
    const statement = "delete from tags where repository = $1 and tag = $2 returning tag, digest";
    return await this.#change(repository, options, async (query) => {
      const gone = await query(statement, [repository, tag]);
      if (gone.length === 0) return false;
      await addRecords(query, options?.records?.({ isNew: false, tags: placesOf(gone) }));
      return true;
    });
  }

  async *referrers(
    repository: RepositoryName,
    subject: ContentDigest,
    options: ReferrersOptions = {},
  ): AsyncGenerator<Descriptor<ContentDigest>> {
    const statement =
      "select digest, referrer from manifests where repository = $1 and subject = $2 and digest > $3 order by digest limit $4";
    for (let { after = "" } = options; ; ) {
      options.signal?.throwIfAborted();
      const rows = await this.#client.query(statement, [repository, subject, after, pageManifests]);
      for (const row of rows) yield row["referrer"] as Descriptor<ContentDigest>; // written by putManifest only
      const last = rows.at(-1);
      if (last === undefined || rows.length < pageManifests) return;
      after = text(last, "digest");
    }
  }

  async addUpload(repository: RepositoryName, id: string): Promise<void> {
    await this.#client.query("insert into uploads values ($1, $2)", [id, repository]);
  }

  async repositoryOfUpload(id: string): Promise<string | undefined> {
    const [row] = await this.#client.query("select repository from uploads where id = $1", [id]);
    return row && text(row, "repository");
  }

  async *uploads(options?: AbortOptions): AsyncGenerator<string> {
    for (let after = ""; ; ) {
      options?.signal?.throwIfAborted();
      const rows = await this.#client.query("select id from uploads where id > $1 order by id limit $2", [
        after,
        pageRows,
      ]);
      for (const row of rows) yield text(row, "id");
      const last = rows.at(-1);
      if (last === undefined) return;
      after = text(last, "id");
    }
  }

  async removeUpload(id: string): Promise<void> {
    await this.#client.query("delete from uploads where id = $1", [id]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
  }

  async #has(statement: string, values: readonly unknown[]): Promise<boolean> {
    return (await this.#client.query(statement, values)).length > 0;
  }

  async #change<T>(
    repository: RepositoryName,
    options: AbortOptions | undefined,
    work: (query: Query) => Promise<T>,
  ): Promise<T> {
    options?.signal?.throwIfAborted();
    return await this.#client.transaction(async (query) => {
      await lock(query, `repository ${repository}`);
      return await work(query);
    });
  }

  /** @returns whether the statement changed a row */
  async #changed(
    repository: RepositoryName,
    statement: string,
    values: readonly unknown[],
    options?: AbortOptions,
  ): Promise<boolean> {
    return await this.#change(repository, options, async (query) => (await query(statement, values)).length > 0);
  }

  /** All rows of a repository, by digest; `$2` is where a page begins and `$3` how long it is. */
  async *#paged(
    statement: string,
    repository: RepositoryName,
    limit: number,
    options?: AbortOptions,
  ): AsyncGenerator<Row> {
    for (let after = ""; ; ) {
      options?.signal?.throwIfAborted();
      const rows = await this.#client.query(statement, [repository, after, limit]);
      yield* rows;
      const last = rows.at(-1);
      if (last === undefined) return;
      after = text(last, "digest");
    }
  }
}

async function addRepository(query: Query, repository: RepositoryName): Promise<void> {
  await query("insert into repositories values ($1) on conflict do nothing", [repository]);
}

async function addRecords(query: Query, changes: readonly RecordChange[] = []): Promise<void> {
  for (const change of changes) await changeRecord(query, change);
}

const placesOf = (rows: readonly Row[]): ReadonlyMap<Tag, ContentDigest> =>
  new Map(rows.map((row) => [text(row, "tag") as Tag, text(row, "digest") as ContentDigest])); // written by putManifest only

/** The blobs that a manifest names are unused from now on, unless others name them. */
async function release(query: Query, repository: RepositoryName, manifest: ContentDigest): Promise<void> {
  await query(
    `with released as (delete from uses_of_blobs where repository = $1 and manifest = $2 returning blob)
     update blobs set since_ms = $3 where repository = $1 and digest in (select blob from released)`,
    [repository, manifest, Date.now()],
  );
}

async function missingOf(
  query: Query,
  table: "blobs" | "manifests",
  repository: RepositoryName,
  wanted: readonly ContentDigest[],
): Promise<readonly ContentDigest[]> {
  if (wanted.length === 0) return [];
  const rows = await query(`select digest from ${table} where repository = $1 and digest = any($2)`, [
    repository,
    wanted,
  ]);
  const there = new Set(rows.map((row) => text(row, "digest")));
  return wanted.filter((digest) => !there.has(digest));
}

const text = (row: Row, column: string): string => String(row[column]);

const storedOf = (row: Row): StoredManifest => ({
  mediaType: text(row, "media_type"),
  bytes: row["bytes"] as Buffer, // a column of bytea
});
