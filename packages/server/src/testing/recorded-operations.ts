import { PostgresMetadataStore } from "../metadata/postgres-metadata-store.js";
import { Operations } from "../operations/operations.js";

/** How often an operation was begun, and how many of these its worker died over; the API tells neither. */
export interface RecordedAttempts {
  readonly id: string;
  readonly attempts: number;
  readonly deaths: number;
}

const mostOperations = 100_000;

/** Of all operations of a registry on PostgreSQL. @param url of the database */
export async function recordedAttempts(url: string): Promise<readonly RecordedAttempts[]> {
  await using store = await PostgresMetadataStore.open(url);
  const all = await new Operations(store.records).list(() => true, { limit: mostOperations });
  return all.map(({ id, attempts, deaths = 0 }) => ({ id, attempts, deaths }));
}
