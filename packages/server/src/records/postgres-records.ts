import type { AbortOptions } from "@sluice/oci";
import type { PostgresClient, Query, Row } from "../metadata/postgres-client.js";
import type { EitherWayPage } from "./page.js";
import { type Record, type RecordChange, RecordConflictError, type Records } from "./records.js";

/** {@link Records} in PostgreSQL, for any number of processes. */
export class PostgresRecords implements Records {
  readonly #client: PostgresClient;

  constructor(client: PostgresClient) {
    this.#client = client;
  }

  async get<T>(kind: string, key: string): Promise<Record<T> | undefined> {
    if (isUnstorable(key)) return undefined;
    const [row] = await this.#client.query("select key, version, document from records where kind = $1 and key = $2", [
      kind,
      key,
    ]);
    return row && recordOf<T>(row);
  }

  async put(kind: string, key: string, document: unknown, version?: number, options?: AbortOptions): Promise<number> {
    options?.signal?.throwIfAborted();
    return await putWith(this.#client.query, { kind, key, document, version });
  }

  async write(changes: readonly RecordChange[], options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted();
    // Rows are locked in the order of their keys, so that two who write the same ones do not wait for each other.
    const inOrder = changes.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
    await this.#client.transaction(async (query) => {
      for (const change of inOrder) await changeRecord(query, change);
    });
  }

  async delete(kind: string, key: string, options?: AbortOptions): Promise<boolean> {
    options?.signal?.throwIfAborted();
    if (isUnstorable(key)) return false;
    const rows = await this.#client.query("delete from records where kind = $1 and key = $2 returning 1", [kind, key]);
    return rows.length > 0;
  }

  async list<T>(kind: string, { after, limit, isDescending }: EitherWayPage): Promise<readonly Record<T>[]> {
    const order = isDescending
      ? "and ($2::text is null or key < $2) order by key desc"
      : "and key > coalesce($2, '') order by key";
    const rows = await this.#client.query(
      `select key, version, document from records where kind = $1 ${order} limit $3`,
      [kind, after ?? null, limit],
    );
    return rows.map((row) => recordOf<T>(row));
  }
}

async function putWith(query: Query, { kind, key, document, version }: RecordChange): Promise<number> {
  const values = [kind, key, JSON.stringify(document)];
  const inserts = "insert into records values ($1, $2, 1, $3) on conflict";
  const changes = "version = records.version + 1, document = $3";
  const [row] =
    version === undefined
      ? await query(`${inserts} (kind, key) do update set ${changes} returning version`, values)
      : version === 0
        ? await query(`${inserts} do nothing returning version`, values)
        : await query(`update records set ${changes} where kind = $1 and key = $2 and version = $4 returning version`, [
            ...values,
            version,
          ]);
  if (row === undefined) throw conflictOf({ kind, key, version });
  return Number(row["version"]);
}

async function deleteWith(query: Query, { kind, key, version }: RecordChange): Promise<void> {
  const [row] = await query("delete from records where kind = $1 and key = $2 returning version", [kind, key]);
  const before = Number(row?.["version"] ?? 0);
  if (version !== undefined && version !== before) throw conflictOf({ kind, key, version });
}

/** PostgreSQL has no text with a NUL in it, and fails where it is asked for one. */
const isUnstorable = (key: string): boolean => key.includes("\0");

const orderOf = ({ kind, key }: RecordChange): string => `${kind} ${key}`;

const conflictOf = ({ kind, key, version }: Omit<RecordChange, "document">): RecordConflictError =>
  new RecordConflictError(`${kind} ${key}: version ${version} is not what is there`);

/** In a transaction. @throws {RecordConflictError} */
export async function changeRecord(query: Query, change: RecordChange): Promise<void> {
  await (change.document === undefined ? deleteWith : putWith)(query, change);
}

const recordOf = <T>(row: Row): Record<T> => ({
  key: String(row["key"]),
  version: Number(row["version"]),
  document: row["document"] as T, // the kind's owner wrote it
});
