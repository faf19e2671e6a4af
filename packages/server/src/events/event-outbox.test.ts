import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Of } from "@sluice/oci";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LevelMetadataStore } from "../metadata/level-metadata-store.js";
import { type ChangeFacts, EventOutbox } from "./event-outbox.js";
import type { RegistryEvent } from "./registry-event.js";

const facts: ChangeFacts = {
  action: "push",
  repository: "app",
  digest: sha256Of("m"),
  mediaType: "m",
  sizeBytes: 1,
  via: "push",
  caller: "ann",
};

describe("an event outbox", () => {
  let folder: string;
  let store: LevelMetadataStore;
  const heard: RegistryEvent[] = [];
  const outbox = (): EventOutbox => new EventOutbox(store.records, pino({ level: "silent" }));
  const hear = async (event: RegistryEvent): Promise<string> => {
    heard.push(event);
    return `heard ${event.tag}`;
  };
  const kept = async (): Promise<number> => (await store.records.list("event", { limit: 100 })).length;
  /** As a change does that is made for good. */
  const write = async (tags: readonly string[], events: EventOutbox) => {
    const pending = events.begin(facts, tags);
    for (const { kind, key, document } of pending.records(true)) await store.records.put(kind, key, document, 0);
    return pending;
  };

  beforeEach(async () => {
    heard.length = 0;
    folder = await mkdtemp(join(tmpdir(), "sluice-events-"));
    store = await LevelMetadataStore.open(folder);
  });
  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  it("tells each listener of each tag once, and keeps nothing", async () => {
    const events = outbox();
    events.listen(hear);
    const pending = await write(["a", "b"], events);
    expect(await kept()).toBe(2);
    expect(await pending.tell()).toEqual(["heard a", "heard b"]);
    expect(heard).toMatchObject([
      { ...facts, tag: "a", isNew: true },
      { tag: "b", isNew: false },
    ]);
    await events.tellAgain(0);
    expect([heard.length, await kept()]).toEqual([2, 0]);
  });

  it("tells of nothing that was not made", async () => {
    const events = outbox();
    events.listen(hear);
    expect(await events.begin(facts, []).tell()).toEqual([]);
    expect(heard).toEqual([]);
  });

  it("tells later, under the same id, what the process died over", async () => {
    await write([], outbox());
    const next = outbox();
    next.listen(hear);
    await next.tellAgain(60_000);
    expect(heard).toEqual([]);
    await next.tellAgain(0);
    expect(heard).toMatchObject([facts]);
    expect(await kept()).toBe(0);
  });

  it("tells all listeners again when one of them failed, and the client nothing of it", async () => {
    const events = outbox();
    let failures = 1;
    events.listen(hear);
    events.listen(async () => {
      if (failures-- > 0) throw new Error("not now");
      return undefined;
    });
    expect(await (await write(["a"], events)).tell()).toEqual(["heard a"]);
    expect(await kept()).toBe(1);
    await events.tellAgain(0);
    expect([new Set(heard.map(({ id }) => id)).size, heard.length, await kept()]).toEqual([1, 2, 0]);
  });
});
