import { createImageIndex } from "@sluice/oci";
import { startWebhookReceiver, type WebhookReceiver } from "@sluice/server/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";
import { sluice, sluiceJson } from "../support/sluice.js";

describe("webhooks, by the command line", () => {
  let registry: RunningRegistry;
  let receiver: WebhookReceiver;
  const manage = (...args: readonly string[]) => sluiceJson(["webhook", ...args, "--registry", registry.host]);
  const push = async (repository: string, tag: string): Promise<void> => {
    const { bytes, mediaType } = createImageIndex([]);
    const response = await fetch(`http://${registry.host}/v2/${repository}/manifests/${tag}`, {
      method: "PUT",
      headers: { "content-type": mediaType },
      body: Buffer.from(bytes),
    });
    expect(response.status).toBe(201);
  };

  beforeAll(async () => {
    registry = await startRegistry();
    receiver = await startWebhookReceiver();
  });
  afterAll(async () => {
    await registry[Symbol.asyncDispose]();
    await receiver[Symbol.asyncDispose]();
  });

  it("tell of pushes in their scope, and show no secret", async () => {
    const secrets = ["--headers", "Authorization=Bearer header-one", "X-Key=header-two", "--secret", "long enough"];
    const words = [
      "create",
      "ci",
      "--uri",
      receiver.url,
      "--actions",
      "push",
      "delete",
      "--scope",
      "app:*",
      ...secrets,
    ];
    expect(await manage(...words)).toEqual({
      ...{ name: "ci", actions: ["push", "delete"], scope: "app:*", status: "enabled" },
      createdAt: expect.any(String),
    });
    await push("other", "1");
    await push("app", "1");
    await receiver.waitFor(1);
    expect(receiver.received[0]).toMatchObject({
      headers: { authorization: "Bearer header-one", "x-key": "header-two" },
      payload: { action: "push", target: { repository: "app", tag: "1" }, request: { method: "PUT" } },
    });
    const { id } = await manage("ping", "ci");
    await receiver.waitFor(2);
    expect(receiver.received[1]?.payload).toMatchObject({ id, action: "ping" });
    let events: unknown[] = [];
    while (!JSON.stringify(events[0] ?? {}).includes("delivered"))
      events = (await manage("list-events", "ci"))["events"] as unknown[];
    expect(events).toMatchObject([
      { id, action: "ping" },
      { image: "app:1", httpStatus: 200, state: "delivered" },
    ]);
    const shown = [await manage("show", "ci"), await manage("list"), await manage("get-config", "ci"), events];
    expect(JSON.stringify(shown)).not.toMatch(/header-one|header-two|hidden|long enough/);
    expect(shown[2]).toMatchObject({ headers: ["Authorization", "X-Key"], hasSecret: true });
  });

  it("take headers from stdin, where no other user of the machine sees them, and repeat none that is wrong", async () => {
    const create = (input: string, ...more: readonly string[]) => {
      const words = ["create", "quiet", "--uri", receiver.url, "--actions", "push", "--scope", "quiet:*"];
      const verb = ["webhook", ...words, "--registry", registry.host, "--headers-stdin", ...more];
      return sluice(verb, {}, input);
    };
    expect(await create("Bearer header-three\n")).toMatchObject({
      code: 2,
      stderr: expect.not.stringContaining("header-three"),
    });
    expect((await create("A=b", "--username", "any", "--password-stdin")).code).toBe(2);
    expect((await create("")).code).toBe(2);
    const before = receiver.received.length;
    expect((await create("Authorization=Bearer header-three\n\nX-Key=a=b\n", "--headers", "X-More=c")).code).toBe(0);
    await push("quiet", "1");
    await receiver.waitFor(before + 1);
    expect(receiver.received[before]?.headers).toMatchObject({
      authorization: "Bearer header-three",
      "x-key": "a=b",
      "x-more": "c",
    });
    await manage("delete", "quiet");
  });

  it("tell later what a registry that was killed had not told", async () => {
    receiver.status = 503;
    const before = receiver.received.length;
    await push("app", "2");
    await receiver.waitFor(before + 1);
    while (!JSON.stringify(await manage("list-events", "ci", "--limit", "1")).includes("503"));
    await registry.stop("SIGKILL");
    receiver.status = 200;
    await registry.restart();
    await receiver.waitFor(before + 2);
    const ids = receiver.received.slice(before).map(({ payload }) => payload.id);
    expect(new Set(ids).size).toBe(1);
  });

  it("lead to no address that is never asked, and end when they are disabled or deleted", async () => {
    const refused = await sluice([
      ...["webhook", "create", "bad", "--uri", "http://169.254.169.254/", "--actions", "push"],
      ...["--registry", registry.host],
    ]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("never asked")]);
    expect(await manage("update", "ci", "--status", "disabled")).toMatchObject({ status: "disabled" });
    await push("app", "3");
    expect(await manage("list-events", "ci", "--limit", "1")).not.toMatchObject({ events: [{ image: "app:3" }] });
    await manage("delete", "ci");
    expect(await manage("list")).toEqual({ webhooks: [] });
  });
});
