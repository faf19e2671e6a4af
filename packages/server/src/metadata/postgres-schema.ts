/**
 * Tables of {@link PostgresMetadataStore}, as steps: each is run once, in order, and never changed afterwards. Names sort by their bytes
 * ("C"), whatever the database's locale.
 */
export const postgresSchema: readonly string[] = [
  `create table repositories (name text collate "C" primary key);
   create table blobs (repository text collate "C", digest text collate "C", since_ms bigint not null, primary key (repository, digest));
   create index blobs_by_digest on blobs (digest);
   create table manifests (
     repository text collate "C", digest text collate "C", media_type text not null, bytes bytea not null,
     subject text collate "C", referrer jsonb, primary key (repository, digest));
   create index manifests_by_subject on manifests (repository, subject, digest) where subject is not null;
   create table uses_of_blobs (
     repository text collate "C", blob text collate "C", manifest text collate "C", primary key (repository, blob, manifest));
   create index uses_by_manifest on uses_of_blobs (repository, manifest);
   create table tags (
     repository text collate "C", tag text collate "C", folded text collate "C" not null, digest text collate "C" not null,
     primary key (repository, tag));
   create index tags_in_order on tags (repository, folded, tag);
   create index tags_by_digest on tags (repository, digest);
   create table uploads (id text primary key, repository text not null);
   create table records (
     kind text collate "C", key text collate "C", version bigint not null, document jsonb not null, primary key (kind, key));`,
  // jsonb refuses what JSON may say: \u0000, and halves of surrogate pairs.
  `alter table manifests alter column referrer type json using referrer::text::json;
   alter table records alter column document type json using document::text::json;`,
  "create table blob_removals (digest text primary key, remover text not null, ends_at timestamptz not null)",
];
