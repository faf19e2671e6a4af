import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { type AbortOptions, sha256Of } from "@sluice/oci";
import { FileSystemBlobStore } from "@sluice/store";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linkStoredBlob } from "../garbage/link-stored-blob.js";
import { parseRepositoryName } from "../registry/repository-name.js";
import { missingPostgres, startPostgres, type TestPostgres } from "../testing/postgres.js";
import { PostgresMetadataStore } from "./postgres-metadata-store.js";

const app = parseRepositoryName("app");
const digest = sha256Of("content");
const isStored = async (): Promise<boolean> => true;
const timings = { removalMs: 20_000, leaseMs: 120_000, waitMs: 0, pollMs: 1 };

describe.skipIf(missingPostgres !== "")(`the removal of a blob ${missingPostgres}`, () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres[Symbol.asyncDispose]());

  it("whose process loses its connections takes no blob that is acknowledged meanwhile", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sluice-removals-"));
    const blobs = await FileSystemBlobStore.open(folder);
    const url = await postgres.newDatabase();
    await using collector = await PostgresMetadataStore.open(url, timings);
    await using other = await PostgresMetadataStore.open(url, timings);
    await blobs.put({ digest }, Readable.from([Buffer.from("content")]));
    const push = () =>
      linkStoredBlob(other, blobs, app, digest).then(
        () => 201,
        ({ status }) => status,
      );
    const answers: unknown[] = [];
    await collector.whileUnlinked(digest, async () => {
      await loseConnections(url);
      answers.push(await push());
      await blobs.delete(digest);
    });
    answers.push(await push());
    await blobs.put({ digest }, Readable.from([Buffer.from("content")]));
    answers.push(await push());
    expect([answers, await blobs.has(digest)]).toEqual([[503, 503, 201], true]);
    await rm(folder, { recursive: true });
  });

  it("that was cut short keeps links and other removals out until it must be over, and no longer", async () => {
    const url = await postgres.newDatabase();
    await using store = await PostgresMetadataStore.open(url, timings);
    const killed = async (): Promise<void> => {
      throw new Error("killed");
    };
    await expect(store.whileUnlinked(digest, killed)).rejects.toThrow("killed");
    const never = async (): Promise<void> => expect.unreachable();
    expect([await store.linkBlob(app, digest, isStored), await store.whileUnlinked(digest, never)]).toEqual([
      false,
      false,
    ]);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query("update blob_removals set ends_at = clock_timestamp()");
    expect(await store.linkBlob(app, digest, isStored)).toBe(true);
    await client.query("delete from blobs");
    expect(await store.whileUnlinked(digest, async () => undefined)).toBe(true);
    expect((await client.query("select * from blob_removals")).rows).toEqual([]);
    await client.end();
  });

  it("is told to end long before it counts as ended", async () => {
    await using store = await PostgresMetadataStore.open(await postgres.newDatabase(), { ...timings, removalMs: 1 });
    const minute = (options?: AbortOptions) => setTimeout(60_000, undefined, options);
    await expect(store.whileUnlinked(digest, minute)).rejects.toMatchObject({ name: "AbortError" });
  });
});

/** Ends those to the database of `url`, and waits until they have gone. */
async function loseConnections(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const others = "from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()";
  await client.query(`select pg_terminate_backend(pid) ${others}`);
  while ((await client.query(`select 1 ${others} and backend_type = 'client backend'`)).rows.length > 0);
  await client.end();
}
