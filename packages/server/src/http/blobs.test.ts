import { randomBytes } from "node:crypto";
import { sha256Of } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorOf, startTestServer, type TestServer } from "../testing/test-server.js";

const bytes = randomBytes(100_000);
const digest = sha256Of(bytes);
const path = `/v2/team/app/blobs/${digest}`;

describe("a blob", () => {
  let registry: TestServer;
  beforeAll(async () => {
    registry = await startTestServer();
    await registry.pushBlob("team/app", bytes);
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  it("comes back as it was pushed, with everything a cache wants to know", async () => {
    const response = await registry.send("GET", path);
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "accept-ranges": "bytes",
      "content-length": "100000",
      "content-type": "application/octet-stream",
      "docker-content-digest": digest,
      "docker-distribution-api-version": "registry/2.0",
      etag: `"${digest}"`,
    });
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
  });

  it("tells its size without its bytes, range or not", async () => {
    const response = await registry.send("HEAD", path, { headers: { range: "bytes=0-1" } });
    expect([response.status, response.headers.get("content-length")]).toEqual([200, "100000"]);
    expect(await response.text()).toBe("");
  });

  it.each([
    ["bytes=10-19", 10, 20],
    ["bytes=99990-", 99_990, 100_000],
    ["bytes=-7", 99_993, 100_000],
    ["bytes=0-999999", 0, 100_000],
  ])("gives the part %s", async (range, start, end) => {
    const response = await registry.send("GET", path, { headers: { range } });
    expect(response.status).toBe(206);
    expect(response.headers.get("content-range")).toBe(`bytes ${start}-${end - 1}/100000`);
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes.subarray(start, end))).toBe(true);
  });

  it("answers 416 with its size for a part that is not there", async () => {
    const response = await registry.send("GET", path, { headers: { range: "bytes=100000-" } });
    expect(response.headers.get("content-range")).toBe("bytes */100000");
    expect(await errorOf(response)).toMatchObject({ status: 416, code: "SIZE_INVALID" });
  });

  it("is not sent again to whoever has it", async () => {
    const response = await registry.send("GET", path, { headers: { "if-none-match": `W/"x", "${digest}"` } });
    expect([response.status, await response.text()]).toEqual([304, ""]);
  });

  it("comes whole when the range was meant for other bytes", async () => {
    const response = await registry.send("GET", path, { headers: { range: "bytes=0-1", "if-range": '"other"' } });
    expect([response.status, (await response.arrayBuffer()).byteLength]).toEqual([200, 100_000]);
  });

  it("may be empty", async () => {
    const empty = await registry.pushBlob("team/app", "");
    const response = await registry.send("GET", `/v2/team/app/blobs/${empty}`);
    expect([response.status, response.headers.get("content-length"), await response.text()]).toEqual([200, "0", ""]);
  });

  it("belongs to the repositories it was pushed to, and to no others", async () => {
    expect(await errorOf(await registry.send("GET", `/v2/team/other/blobs/${digest}`))).toMatchObject({
      status: 404,
      code: "BLOB_UNKNOWN",
    });
  });

  it("goes from one repository when it is deleted there, and stays in the other", async () => {
    await registry.pushBlob("one", "shared");
    const shared = await registry.pushBlob("two", "shared");
    expect((await registry.send("DELETE", `/v2/one/blobs/${shared}`)).status).toBe(202);
    expect((await registry.send("HEAD", `/v2/one/blobs/${shared}`)).status).toBe(404);
    expect((await registry.send("DELETE", `/v2/one/blobs/${shared}`)).status).toBe(404);
    expect((await registry.send("HEAD", `/v2/two/blobs/${shared}`)).status).toBe(200);
  });

  it("is not deleted while a manifest needs it, nor while one does that can be restored", async () => {
    const image = await registry.pushImage("app", "1", "layer");
    const path = `/v2/app/blobs/${sha256Of("layer")}`;
    const refused = { status: 405, code: "UNSUPPORTED" };
    expect(await errorOf(await registry.send("DELETE", path))).toMatchObject(refused);
    const json = { "content-type": "application/json" };
    const policy = (status: string) =>
      registry.send("PATCH", "/api/v1/settings/soft-delete", { headers: json, body: JSON.stringify({ status }) });
    await policy("enabled");
    await registry.send("DELETE", `/v2/app/manifests/${image.digest}`);
    expect(await errorOf(await registry.send("DELETE", path))).toMatchObject(refused);
    expect(await (await registry.send("GET", path)).text()).toBe("layer");
    const body = JSON.stringify({ repository: "app", digest: image.digest });
    expect((await registry.send("POST", "/api/v1/restorations", { headers: json, body })).status).toBe(200);
    await policy("disabled");
    await registry.send("DELETE", `/v2/app/manifests/${image.digest}`);
    expect((await registry.send("DELETE", path)).status).toBe(202);
  });

  it("is not reached by any escape from the store", async () => {
    for (const name of ["..%2f..%2fetc", "a%2f..%2fb", "a%00b"]) {
      const response = await registry.send("GET", `/v2/${name}/blobs/${digest}`);
      expect((await errorOf(response)).code).toBe("NAME_INVALID");
    }
    const broken = await registry.send("GET", `/v2/a/blobs/%zz`);
    expect(broken.status).toBe(400);
  });
});
