import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LevelMetadataStore } from "../metadata/level-metadata-store.js";
import { startTestServer, type TestServer } from "../testing/test-server.js";
import { type Activity, ActivityLog } from "./activity-log.js";

describe("the log of what was done", () => {
  let registry: TestServer;
  beforeEach(async () => {
    registry = await startTestServer();
  });
  afterEach(() => registry[Symbol.asyncDispose]());

  const json = { "content-type": "application/json" };
  const events = async (query = "", password?: string): Promise<readonly Activity[]> => {
    const authorization = `Basic ${Buffer.from(`ann:${password}`).toString("base64")}`;
    const response = await registry.send("GET", `/api/v1/events${query}`, {
      ...(password !== undefined && { headers: { authorization } }),
    });
    return ((await response.json()) as { events: Activity[] }).events;
  };

  it("says who pushed, deleted and changed settings, from the last to the first, page by page", async () => {
    const { digest } = await registry.pushImage("app", "1", "content");
    await registry.send("DELETE", "/v2/app/manifests/1");
    await registry.send("DELETE", `/v2/app/manifests/${digest}`);
    await registry.send("DELETE", `/v2/app/manifests/${digest}`);
    await registry.send("PUT", "/api/v1/scope-maps/all", { headers: json, body: JSON.stringify({ grants: [] }) });
    await registry.send("PUT", "/api/v1/scope-maps/-", { headers: json, body: "{}" });
    const made = await registry.send("POST", "/api/v1/accounts", {
      headers: json,
      body: JSON.stringify({ name: "ann", kind: "user", isAdmin: true }),
    });
    const { password } = (await made.json()) as { password: string };
    const all = await events("", password);
    expect(all.map(({ action, actor, subject }) => `${action} ${actor}${subject}`).sort()).toEqual([
      "delete app:1",
      `delete app@${digest}`,
      "push app:1",
      "settings POST /accounts",
      "settings PUT /scope-maps/all",
    ]);
    const times = all.map(({ time }) => time);
    expect(times).toEqual(times.toSorted().toReversed());
    const first = await events("?limit=2", password);
    const second = await events(`?limit=2&after=${first.at(-1)?.id}`, password);
    expect([...first, ...second]).toEqual(all.slice(0, 4));
    expect(JSON.stringify(all)).not.toContain(password);
  });
});

it("keeps the last of them", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-activities-"));
  const store = await LevelMetadataStore.open(folder);
  const log = new ActivityLog(store.records);
  for (let at = 0; at < 7; at++) await log.noteSetting("ann", `change ${at}`);
  expect([await log.prune(3), await log.prune(3)]).toEqual([4, 0]);
  const kept = (await log.list({ limit: 10 })).map(({ subject }) => subject);
  expect(kept.sort()).toHaveLength(3);
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});
