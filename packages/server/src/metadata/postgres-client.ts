import pg from "pg";
import { postgresSchema } from "./postgres-schema.js";

export type Row = Readonly<Record<string, unknown>>;
/** Statements of one transaction, or outside of any. */
export type Query = (text: string, values?: readonly unknown[]) => Promise<readonly Row[]>;

/** Connections of one process; PostgreSQL takes a hundred by default, from all of them. */
const maxConnections = 16;

/** For how long a database may be silent. Milliseconds. */
interface PostgresTimeouts {
  /** Until a connection is made, or one of the pool is free. */
  readonly connectMs: number;
  /** For a lock that another transaction holds: longer than a blob takes to be removed. */
  readonly lockMs: number;
  /** For one statement, with its locks. */
  readonly statementMs: number;
}
const defaultTimeouts: PostgresTimeouts = { connectMs: 10_000, lockMs: 30_000, statementMs: 60_000 };
/** How much longer than the server we wait ourselves, for one that cannot say that the time is over. Milliseconds. */
const graceMs = 5_000;

/** A pool of connections to a database whose tables are there. */
export class PostgresClient implements AsyncDisposable {
  readonly #pool: pg.Pool;

  private constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  /** @param url `postgres://USER:PASSWORD@HOST/DATABASE`; makes the tables, or what a newer program adds to them */
  static async open(url: string, timeouts: PostgresTimeouts = defaultTimeouts): Promise<PostgresClient> {
    const pool = new pg.Pool({
      connectionString: url,
      max: maxConnections,
      connectionTimeoutMillis: timeouts.connectMs,
      lock_timeout: timeouts.lockMs,
      statement_timeout: timeouts.statementMs,
      query_timeout: timeouts.statementMs + graceMs,
      keepAlive: true,
    });
    // A connection that breaks while nobody uses it is opened anew by its next user.
    pool.on("error", () => undefined);
    const client = new PostgresClient(pool);
    try {
      await client.#upgrade();
    } catch (error) {
      await pool.end();
      throw error;
    }
    return client;
  }

  readonly query: Query = async (text, values = []) => (await this.#pool.query(text, [...values])).rows;

  /** All of `work`, or nothing. Fails when the connection is lost meanwhile. */
  async transaction<T>(work: (query: Query) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let failure: Error | undefined;
    // The pool listens only while nobody uses the connection; an error that nobody listens to ends the process.
    const lost = (error: Error): void => {
      failure = error;
    };
    client.on("error", lost);
    try {
      await client.query("begin");
      const result = await work(async (text, values = []) => (await client.query(text, [...values])).rows);
      await client.query("commit");
      return result;
    } catch (error) {
      await client.query("rollback").catch((broken: Error) => {
        failure ??= broken;
      });
      throw failure ?? error;
    } finally {
      client.off("error", lost);
      client.release(failure);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }

  async #upgrade(): Promise<void> {
    await this.transaction(async (query) => {
      await lock(query, "schema");
      await query("create table if not exists schema_version (version int not null)");
      const [row] = await query("select version from schema_version");
      const done = Number(row?.["version"] ?? 0);
      if (done > postgresSchema.length) {
        throw new Error(
          `the database was made by a newer sluice (schema ${done}, this one knows ${postgresSchema.length})`,
        );
      }
      for (const step of postgresSchema.slice(done)) await query(step);
      await query("delete from schema_version");
      await query("insert into schema_version values ($1)", [postgresSchema.length]);
    });
  }
}

/** Until the transaction ends nobody else, in any process, has the lock of that name. */
export async function lock(query: Query, name: string): Promise<void> {
  await query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [`sluice ${name}`]);
}
