import { fastify } from "fastify";
import { pino } from "pino";
import { describe, expect, it } from "vitest";
import { startTestServer } from "../testing/test-server.js";
import { addHealth } from "./health.js";

const log = pino({ level: "silent" });
type Stores = Parameters<typeof addHealth>[1];

/** What `/readyz` says of stores that do this when they are asked. */
async function readinessOf(
  metadata: () => Promise<unknown>,
  blobs: () => Promise<unknown>,
): Promise<[number, unknown]> {
  await using app = fastify();
  const stores = { metadata: { repositories: metadata }, blobs: { has: blobs } };
  addHealth(app, stores as unknown as Stores, log); // nothing else of them is looked at
  expect((await app.inject("/healthz")).statusCode).toBe(200);
  const { statusCode, body } = await app.inject("/readyz");
  return [statusCode, JSON.parse(body)];
}
const answers = async (): Promise<undefined> => undefined;
const fails = (): Promise<never> => Promise.reject(new Error("connection refused"));

describe("a registry that is asked how it is", () => {
  it("is alive and ready, whoever asks", async () => {
    await using registry = await startTestServer();
    const answer = await registry.send("GET", "/readyz");
    const stores = { metadata: "ok", blobs: "ok" };
    expect([answer.status, await answer.json()]).toEqual([200, { status: "ready", stores }]);
    expect((await registry.send("GET", "/healthz")).status).toBe(200);
  });

  it("is alive and not ready while a store refuses or says nothing", async () => {
    const without = (stores: object): unknown => [503, { status: "not ready", stores }];
    expect(await readinessOf(answers, fails)).toEqual(without({ metadata: "ok", blobs: "unreachable" }));
    const never = (): Promise<never> => new Promise(() => undefined);
    expect(await readinessOf(never, answers)).toEqual(without({ metadata: "unreachable", blobs: "ok" }));
  });

  it("asks its stores once for many probes", async () => {
    await using app = fastify();
    let asked = 0;
    const has = async (): Promise<boolean> => {
      asked++;
      return false;
    };
    addHealth(app, { metadata: { repositories: answers }, blobs: { has } } as unknown as Stores, log);
    await Promise.all(Array.from({ length: 20 }, () => app.inject("/readyz")));
    expect(asked).toBe(1);
  });

  it("is not ready any more when it stops", async () => {
    await using app = fastify();
    const health = addHealth(
      app,
      { metadata: { repositories: answers }, blobs: { has: answers } } as unknown as Stores,
      log,
    );
    health.stopping();
    expect((await app.inject("/readyz")).json()).toMatchObject({ status: "stopping" });
  });
});
