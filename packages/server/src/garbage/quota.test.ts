import { createImageIndex, sha256Of } from "@sluice/oci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { errorOf, startTestServer, type TestServer } from "../testing/test-server.js";

describe("a quota", () => {
  let registry: TestServer;
  beforeEach(async () => {
    registry = await startTestServer();
  });
  afterEach(() => registry[Symbol.asyncDispose]());

  const api = (method: string, path: string, body: object = {}): Promise<Response> =>
    registry.send(method, `/api/v1${path}`, {
      ...(method !== "GET" && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
  const push = (text: string): Promise<Response> =>
    registry.send("POST", `/v2/app/blobs/uploads/?digest=${sha256Of(text)}`, { body: text });

  it("refuses a push over it with the cure, keeps nothing of it, and shows in usage (AS4)", async () => {
    expect((await push("a".repeat(600))).status).toBe(201);
    await api("PATCH", "/settings/quota", { maxBytes: 1000, warnPercent: 50 });
    const refused = await errorOf(await push("b".repeat(600)));
    expect(refused).toMatchObject({ status: 403, code: "DENIED", message: expect.stringContaining("registry gc") });
    expect((await registry.send("HEAD", `/v2/app/blobs/${sha256Of("b".repeat(600))}`)).status).toBe(404);
    const begun = await registry.send("POST", "/v2/app/blobs/uploads/");
    const path = begun.headers.get("location") ?? "";
    expect((await registry.send("PATCH", path, { body: "c".repeat(600) })).status).toBe(403);
    const usage = (await (await api("GET", "/usage")).json()) as object;
    expect(usage).toMatchObject({ storedBytes: 600, quota: { maxBytes: 1000, warnPercent: 50 } });
    await api("PATCH", "/settings/quota", { maxBytes: null });
    expect((await push("b".repeat(600))).status).toBe(201);
  });

  it("warns who pushes once little is left of it, and takes pushes again after a collection", async () => {
    await api("PATCH", "/settings/quota", { maxBytes: 1000 });
    const { bytes, mediaType } = createImageIndex([]);
    const warning = async () => (await registry.pushManifest("app", "1", bytes, mediaType)).headers.get("warning");
    expect(await warning()).toBeNull();
    await push("a".repeat(900));
    expect(await warning()).toMatch(/90 % of its quota/);
    expect((await push("b".repeat(200))).status).toBe(403);
    await registry.send("DELETE", `/v2/app/blobs/${sha256Of("a".repeat(900))}`);
    await api("POST", "/garbage-collections", { graceSeconds: 0 });
    expect((await push("b".repeat(200))).status).toBe(201);
  });

  it("of a repository bounds what it holds, mounted blobs too, and leaves others alone (AS4)", async () => {
    const repository = "?repository=app";
    await api("PATCH", `/settings/quota${repository}`, { maxBytes: 1000, warnPercent: 50 });
    expect((await push("a".repeat(600))).status).toBe(201);
    const refused = await errorOf(await push("b".repeat(600)));
    const message = expect.stringContaining("usage quota --repository app");
    expect(refused).toMatchObject({ status: 403, code: "DENIED", message });
    await registry.pushBlob("other", "b".repeat(600));
    const mount = `/v2/app/blobs/uploads/?from=other&mount=${sha256Of("b".repeat(600))}`;
    expect(await errorOf(await registry.send("POST", mount))).toMatchObject({ status: 403, code: "DENIED" });
    expect((await registry.send("HEAD", `/v2/app/blobs/${sha256Of("b".repeat(600))}`)).status).toBe(404);
    const begun = await registry.send("POST", "/v2/app/blobs/uploads/");
    const chunk = { body: "c".repeat(600) };
    expect((await registry.send("PATCH", begun.headers.get("location") ?? "", chunk)).status).toBe(403);
    const { bytes, mediaType } = createImageIndex([]);
    const warning = (await registry.pushManifest("app", "1", bytes, mediaType)).headers.get("warning");
    expect(warning).toMatch(/app holds 60 % of its quota of 1000 bytes/);
    const usage = (await (await api("GET", "/usage")).json()) as { repositories: object[] };
    expect(usage.repositories).toMatchObject([{ maxBytes: 1000 }, { repository: "other", maxBytes: null }]);
    await registry.restart();
    expect((await push("b".repeat(600))).status).toBe(403);
    await api("PATCH", `/settings/quota${repository}`, { maxBytes: null });
    expect((await push("b".repeat(600))).status).toBe(201);
  });

  it("of a repository has room again when something of it is deleted and collected", async () => {
    await api("PATCH", "/settings/quota?repository=app", { maxBytes: 1000 });
    await push("a".repeat(900));
    expect((await push("b".repeat(200))).status).toBe(403);
    await registry.send("DELETE", `/v2/app/blobs/${sha256Of("a".repeat(900))}`);
    await api("POST", "/garbage-collections", { graceSeconds: 0 });
    expect((await push("b".repeat(200))).status).toBe(201);
  });

  it("may be anything that makes sense", async () => {
    expect((await api("GET", "/settings/quota?repository=A")).status).toBe(400);
    for (const body of [{ maxBytes: 0 }, { maxBytes: 1.5 }, { warnPercent: 101 }, { other: 1 }])
      expect((await api("PATCH", "/settings/quota", body)).status).toBe(400);
    expect(await (await api("GET", "/settings/quota")).json()).toEqual({ maxBytes: null, warnPercent: 80 });
  });
});
