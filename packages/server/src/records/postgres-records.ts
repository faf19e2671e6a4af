import type { AbortOptions } from "@sluice/oci";
import type { PostgresClient, Query, Row } from "../metadata/postgres-client.js";
import type { Page } from "./page.js";
import { type NewRecord, type Record, RecordConflictError, type Records } from "./records.js";

/** {@link Records} in PostgreSQL, for any number of processes. */
export class PostgresRecords implements Records {
  readonly #client: PostgresClient;

  constructor(client: PostgresClient) {
    this.#client = client;
  }

  async get<T>(kind: string, key: string): Promise<Record<T> | undefined> {
    const [row] = await this.#client.query("select key, version, document from records where kind = $1 and key = $2", [
      kind,
      key,
    ]);
    return row && recordOf<T>(row);
  }

  async put(kind: string, key: string, document: unknown, version?: number, options?: AbortOptions): Promise<number> {
    options?.signal?.throwIfAborted();
    const values = [kind, key, JSON.stringify(document)];
    const inserts = "insert into records values ($1, $2, 1, $3) on conflict";
    const changes = "version = records.version + 1, document = $3";
    const [row] =
      version === undefined
        ? await this.#client.query(`${inserts} (kind, key) do update set ${changes} returning version`, values)
        : version === 0
          ? await this.#client.query(`${inserts} do nothing returning version`, values)
          : await this.#client.query(
              `update records set ${changes} where kind = $1 and key = $2 and version = $4 returning version`,
              [...values, version],
            );
    if (row === undefined) throw new RecordConflictError(`${kind} ${key}: version ${version} is not what is there`);
    return Number(row["version"]);
  }

  async delete(kind: string, key: string, options?: AbortOptions): Promise<boolean> {
    options?.signal?.throwIfAborted();
    const rows = await this.#client.query("delete from records where kind = $1 and key = $2 returning 1", [kind, key]);
    return rows.length > 0;
  }

  async list<T>(kind: string, { after = "", limit }: Page): Promise<readonly Record<T>[]> {
    const rows = await this.#client.query(
      "select key, version, document from records where kind = $1 and key > $2 order by key limit $3",
      [kind, after, limit],
    );
    return rows.map((row) => recordOf<T>(row));
  }
}

/** Adds a record, whose key nobody else can know, to a transaction. */
export async function addRecord(query: Query, { kind, key, document }: NewRecord): Promise<void> {
  await query("insert into records values ($1, $2, 1, $3)", [kind, key, JSON.stringify(document)]);
}

const recordOf = <T>(row: Row): Record<T> => ({
  key: String(row["key"]),
  version: Number(row["version"]),
  document: row["document"] as T, // the kind's owner wrote it
});
