import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { sha256Of } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseRepositoryName } from "../registry/repository-name.js";
import { metadataStoreSuite } from "../testing/metadata-store-suite.js";
import { operationsSuite } from "../testing/operations-suite.js";
import { missingPostgres, startPostgres, type TestPostgres } from "../testing/postgres.js";
import { recordsSuite } from "../testing/records-suite.js";
import { lock, PostgresClient } from "./postgres-client.js";
import { PostgresMetadataStore } from "./postgres-metadata-store.js";

describe.skipIf(missingPostgres !== "")(`in PostgreSQL ${missingPostgres}`, () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres[Symbol.asyncDispose]());

  metadataStoreSuite("PostgresMetadataStore", async () => {
    const url = await postgres.newDatabase();
    let store = await PostgresMetadataStore.open(url);
    return {
      store,
      reopen: async () => {
        await store[Symbol.asyncDispose]();
        store = await PostgresMetadataStore.open(url);
        return store;
      },
      dispose: () => store[Symbol.asyncDispose](),
    };
  });

  for (const suite of [recordsSuite, operationsSuite]) {
    suite("PostgresMetadataStore", async () => {
      const store = await PostgresMetadataStore.open(await postgres.newDatabase());
      return { records: store.records, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
    });
  }

  it("is made once when four processes open it at the same moment, and shared by them", async () => {
    const url = await postgres.newDatabase();
    const stores = await Promise.all([1, 2, 3, 4].map(() => PostgresMetadataStore.open(url)));
    const [one, two] = stores;
    await one?.linkBlob(parseRepositoryName("app"), sha256Of("x"), async () => true);
    expect(await two?.hasBlob(parseRepositoryName("app"), sha256Of("x"))).toBe(true);
    await Promise.all(stores.map((store) => store[Symbol.asyncDispose]()));
  });

  it("fails a transaction whose connection is lost between two statements, changes nothing, and goes on", async () => {
    const client = await PostgresClient.open(await postgres.newDatabase());
    await client.query("create table kept (value int)");
    const transaction = client.transaction(async (query) => {
      await query("insert into kept values (1)");
      const [self] = await query("select pg_backend_pid() as pid");
      await client.query("select pg_terminate_backend($1)", [self?.["pid"]]);
      const isAlive = "select 1 from pg_stat_activity where pid = $1";
      while ((await client.query(isAlive, [self?.["pid"]])).length > 0);
      await query("insert into kept values (2)");
    });
    await expect(transaction).rejects.toThrow(/terminat/);
    expect(await client.query("select * from kept")).toEqual([]);
    await client[Symbol.asyncDispose]();
  });

  it("waits for no lock and no statement without end", async () => {
    const timeouts = { connectMs: 10_000, lockMs: 50, statementMs: 10_000 };
    const client = await PostgresClient.open(await postgres.newDatabase(), timeouts);
    await client.transaction(async (query) => {
      await lock(query, "held");
      await expect(client.transaction((other) => lock(other, "held"))).rejects.toThrow(/lock timeout/);
    });
    expect(await client.query("show statement_timeout")).toEqual([{ statement_timeout: "10s" }]);
    await client[Symbol.asyncDispose]();
  });
});

it("PostgresClient gives up a server that takes the connection and says nothing", async () => {
  const sockets: Socket[] = [];
  const silent = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo; // of a port, so no path
  const timeouts = { connectMs: 50, lockMs: 50, statementMs: 50 };
  await expect(PostgresClient.open(`postgres://u@127.0.0.1:${port}/d`, timeouts)).rejects.toThrow(/timeout/);
  for (const socket of sockets) socket.destroy();
  silent.close();
});
