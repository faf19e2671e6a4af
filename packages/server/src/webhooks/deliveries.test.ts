import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  addressRule,
  createImageManifest,
  emptyDescriptor,
  ociMediaTypes,
  sha256Of,
  sluiceMediaTypes,
} from "@sluice/oci";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RegistryEvent } from "../events/registry-event.js";
import { LevelMetadataStore } from "../metadata/level-metadata-store.js";
import { timeOrderedId } from "../records/time-ordered-id.js";
import { describeManifest } from "../registry/manifest-description.js";
import { parseTag } from "../registry/manifest-reference.js";
import { parseRepositoryName } from "../registry/repository-name.js";
import { startWebhookReceiver, type WebhookReceiver } from "../testing/webhook-receiver.js";
import { Deliveries } from "./deliveries.js";
import { DeliveryQueue, type DeliveryReport } from "./delivery-queue.js";
import { Notices } from "./notices.js";
import { signatureOf } from "./payload.js";
import { type Webhook, wants } from "./webhook.js";
import { Webhooks } from "./webhooks.js";

const event = (fields: Partial<RegistryEvent> = {}): RegistryEvent => ({
  ...{ id: timeOrderedId(), action: "push", repository: "app", tag: "1", digest: sha256Of("m"), mediaType: "m/t" },
  ...{ sizeBytes: 7, isNew: true, via: "push", caller: "ann", time: "2030-01-01T00:00:00.000Z" },
  request: { id: "r", host: "registry.test", method: "PUT", userAgent: "tester" },
  ...fields,
});

describe("deliveries", () => {
  let folder: string;
  let store: LevelMetadataStore;
  let receiver: WebhookReceiver;
  const opened: Deliveries[] = [];
  const limits = { maxQueued: 5000, countedEvery: 1, countedEveryMs: 60_000, keptReports: 1000 };
  const deliveries = (
    config: { retryDelaysMs?: readonly number[]; allowPrivate?: boolean; keptReports?: number } = {},
  ) => {
    const { allowPrivate = true, keptReports = 1000, retryDelaysMs = [10, 20] } = config;
    const queue = new DeliveryQueue(store.records, { ...limits, keptReports });
    const webhooks = new Webhooks(store.records);
    const places = { queue, webhooks, addresses: addressRule({ allowPrivate }) };
    const made = new Deliveries(places, pino({ level: "silent" }), { retryDelaysMs, pollMs: 10, answerMs: 2_000 });
    opened.push(made);
    const notices = new Notices(store, webhooks, queue);
    return {
      queue,
      note: (told: RegistryEvent) => notices.note(told),
      ping: (name: string) => notices.ping(name),
      [Symbol.asyncDispose]: () => made[Symbol.asyncDispose](),
    };
  };
  const hook = (fields: Partial<Webhook> = {}, name = "hook"): Promise<void> =>
    new Webhooks(store.records).create(name, {
      ...{ url: receiver.url, actions: ["push", "delete"], scope: "*", isEnabled: true },
      ...{ headers: {}, createdAt: "2030-01-01T00:00:00.000Z", ...fields },
    });
  /** The last report, once it says so. */
  const reported = async (
    of: { readonly queue: DeliveryQueue },
    state: DeliveryReport["state"],
    name = "hook",
  ): Promise<DeliveryReport> => {
    for (;;) {
      const [report] = await of.queue.reports(name, { limit: 1 });
      if (report?.state === state) return report;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-webhooks-"));
    store = await LevelMetadataStore.open(folder);
    receiver = await startWebhookReceiver();
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) await one[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  it("send what other registries send, signed, with the headers of the webhook", async () => {
    await hook({ headers: { authorization: "Bearer x" }, secret: "a good secret" });
    const told = event();
    const sender = deliveries();
    await sender.note(told);
    await receiver.waitFor(1);
    const { body, headers, payload } = receiver.received[0] ?? {
      body: "",
      headers: {} as IncomingHttpHeaders,
      payload: {},
    };
    expect(payload).toEqual({
      id: told.id,
      timestamp: told.time,
      action: "push",
      target: { mediaType: "m/t", size: 7, length: 7, digest: told.digest, repository: "app", tag: "1" },
      request: { id: "r", host: "registry.test", method: "PUT", useragent: "tester" },
      actor: { name: "ann" },
    });
    expect(headers["authorization"]).toBe("Bearer x");
    expect(headers["x-sluice-signature"]).toBe(signatureOf(Buffer.from(body), "a good secret"));
    const report = { id: told.id, image: "app:1", attempts: 1, httpStatus: 200, timestamp: told.time };
    expect(await reported(sender, "delivered")).toMatchObject(report);
  });

  it("tell nobody of a tag that went alone", async () => {
    await hook();
    const sender = deliveries();
    await sender.note(event({ action: "delete" }));
    await sender.note(event({ action: "delete", tag: undefined }));
    await receiver.waitFor(1);
    expect(receiver.received.map(({ payload }) => payload)).toMatchObject([{ action: "delete" }]);
    expect(await sender.queue.reports("hook", { limit: 10 })).toHaveLength(1);
  });

  it("tell of the conversion of an image when its streaming artifact comes, whoever made it", async () => {
    await hook({ actions: ["convert"] });
    const sender = deliveries();
    const subject = { mediaType: ociMediaTypes.manifest, digest: sha256Of("image"), size: 5 };
    const artifactType = sluiceMediaTypes.artifact;
    const { bytes } = createImageManifest({ config: emptyDescriptor, layers: [], artifactType, subject });
    const app = parseRepositoryName("app");
    const manifest = describeManifest(bytes, ociMediaTypes.manifest, { kind: "tag", tag: parseTag("any") });
    await store.linkBlob(app, emptyDescriptor.digest, async () => true);
    expect(await store.putManifest(app, manifest, [])).toEqual([]);
    await sender.note(event());
    const artifact = event({ digest: manifest.digest, tag: undefined, sizeBytes: bytes.byteLength });
    await sender.note(artifact);
    await sender.note(artifact);
    await receiver.waitFor(2);
    const told = receiver.received.map(({ payload }) => payload);
    const converted = { action: "convert", target: { digest: subject.digest, size: 5, repository: "app" } };
    expect(told).toMatchObject([converted, { ...converted, artifact: { digest: manifest.digest } }]);
    expect([told[0]?.id, told[0]?.id !== artifact.id]).toEqual([told[1]?.id, true]);
  });

  it("try again, under the same id, and give up at last", async () => {
    await hook();
    receiver.status = 503;
    const sender = deliveries();
    await sender.note(event());
    expect(await reported(sender, "given-up")).toMatchObject({ attempts: 3, httpStatus: 503 });
    expect(new Set(receiver.received.map(({ payload }) => payload.id)).size).toBe(1);
    // The report comes first, and then the delivery goes: whoever dies between them tries once more, and loses nothing.
    await sender[Symbol.asyncDispose]();
    expect(await store.records.list("delivery/hook", { limit: 1 })).toEqual([]);
  });

  it("go on in the next process with what the last one did not get rid of", async () => {
    await hook();
    receiver.status = 500;
    const first = deliveries({ retryDelaysMs: [60_000] });
    const told = event();
    await first.note(told);
    await receiver.waitFor(1);
    await first[Symbol.asyncDispose]();
    expect(await store.records.list("delivery/hook", { limit: 10 })).toMatchObject([
      { document: { payload: { id: told.id } } },
    ]);
  });

  it("take a delivery once, however many processes want it", async () => {
    const queue = new DeliveryQueue(store.records);
    await queue.add("idle", { id: timeOrderedId(), timestamp: "", action: "push" });
    const taken = await Promise.all([1, 2, 3].map(() => queue.take("idle", 60_000)));
    expect(taken.filter((one) => one !== undefined)).toHaveLength(1);
    expect(await queue.take("idle", 60_000)).toBeUndefined();
  });

  it("take it again when whoever took it died over it", async () => {
    const queue = new DeliveryQueue(store.records);
    await queue.add("idle", { id: timeOrderedId(), timestamp: "", action: "push" });
    await queue.take("idle", -1000);
    expect((await queue.take("idle", 60_000))?.document.attempts).toBe(2);
  });

  it("follow no redirect, and connect to no address that is not allowed", async () => {
    await hook();
    receiver.status = 307;
    const sender = deliveries({ retryDelaysMs: [] });
    await sender.note(event());
    expect(await reported(sender, "given-up")).toMatchObject({ httpStatus: 307 });
    const url = receiver.url.replace("127.0.0.1", "localhost");
    await hook({ url }, "other");
    const strict = deliveries({ retryDelaysMs: [], allowPrivate: false });
    await strict.ping("other");
    await sender[Symbol.asyncDispose]();
    expect(await reported(strict, "given-up", "other")).toMatchObject({ error: expect.stringContaining("private") });
  });

  it("keep no more reports than that of a receiver that is down", async () => {
    await hook();
    receiver.status = 500;
    const sender = deliveries({ retryDelaysMs: [], keptReports: 2 });
    for (let at = 0; at < 5; at++) await sender.note(event());
    await receiver.waitFor(5);
    await reported(sender, "given-up");
    await sender[Symbol.asyncDispose]();
    expect(await sender.queue.reports("hook", { limit: 10 })).toHaveLength(2);
  });

  it("give up what comes while as many wait as may, and say so", async () => {
    const queue = new DeliveryQueue(store.records, { ...limits, maxQueued: 2, keptReports: 3 });
    const add = async (): Promise<string | undefined> => {
      await queue.add("down", { id: timeOrderedId(), timestamp: "", action: "push" });
      return (await queue.reports("down", { limit: 1 }))[0]?.state;
    };
    expect([await add(), await add(), await add(), await add()]).toEqual([
      "waiting",
      "waiting",
      "given-up",
      "given-up",
    ]);
    const [report] = await queue.reports("down", { limit: 1 });
    expect(report?.error).toBe("2 deliveries wait already");
    expect(await store.records.list("delivery/down", { limit: 9 })).toHaveLength(2);
    for (let at = 0; at < 4; at++) await add();
    expect((await queue.reports("down", { limit: 9 })).length).toBeLessThanOrEqual(4);
    const taken = await queue.take("down", 60_000);
    if (taken !== undefined) await queue.remove("down", taken);
    expect(await add()).toBe("waiting");
  });

  it("keep a thousand reports of a webhook, and none of one that is gone", async () => {
    const { queue } = deliveries();
    const payload = { timestamp: "", action: "push" };
    for (let at = 0; at < 1005; at++) {
      await queue.report(
        "many",
        { payload: { ...payload, id: timeOrderedId(at) }, attempts: 1 },
        { state: "delivered" },
      );
    }
    await queue.prune("many");
    const kept = await queue.reports("many", { limit: 2000 });
    expect([kept.length, kept.at(-1)?.id]).toEqual([1000, expect.stringMatching(/^00000000-0005-/)]);
    await queue.forget("many");
    expect(await queue.reports("many", { limit: 1 })).toEqual([]);
  });
});

it.each([
  ["*", "app", "1", true],
  ["app:*", "app", "1", true],
  ["app:*", "app", undefined, true],
  ["app:*", "app/x", "1", false],
  ["app:1", "app", "1", true],
  ["app:1", "app", "2", false],
  ["app:1", "app", undefined, false],
])("the scope %s wants %s:%s: %s", (scope, repository, tag, wanted) => {
  const webhook: Webhook = { url: "", actions: ["push"], scope, isEnabled: true, headers: {}, createdAt: "" };
  expect(wants(webhook, { action: "push", repository, tag })).toBe(wanted);
  expect(wants(webhook, { action: "delete", repository, tag })).toBe(false);
  expect(wants({ ...webhook, isEnabled: false }, { action: "push", repository, tag })).toBe(false);
});
