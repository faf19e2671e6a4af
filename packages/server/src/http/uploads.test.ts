import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { sha256Of } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorOf, startTestServer, type TestServer } from "../testing/test-server.js";

const text = "first second";
const digest = sha256Of(text);

describe("an upload", () => {
  let registry: TestServer;
  beforeAll(async () => {
    registry = await startTestServer();
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  const begin = async (repository = "a/b"): Promise<string> => {
    const response = await registry.send("POST", `/v2/${repository}/blobs/uploads/`);
    expect(response.status).toBe(202);
    return response.headers.get("location") ?? "";
  };
  const patch = (location: string, body: string, range?: string): Promise<Response> =>
    registry.send("PATCH", location, {
      body,
      headers: { "content-type": "application/octet-stream", ...(range !== undefined && { "content-range": range }) },
    });
  const unfinished = (): Promise<string[]> => readdir(join(registry.root, "registry/blobs/uploads"));

  it("goes in one POST", async () => {
    const response = await registry.send("POST", `/v2/one/blobs/uploads/?digest=${digest}`, { body: text });
    expect(response.status).toBe(201);
    expect(response.headers.get("location")).toBe(`/v2/one/blobs/${digest}`);
    expect(response.headers.get("docker-content-digest")).toBe(digest);
    expect(await unfinished()).toEqual([]);
  });

  it("leaves nothing behind when a single POST has the wrong bytes", async () => {
    const response = await registry.send("POST", `/v2/wrong/blobs/uploads/?digest=${digest}`, { body: "other" });
    expect(await errorOf(response)).toMatchObject({ status: 400, code: "DIGEST_INVALID" });
    expect((await registry.send("HEAD", `/v2/wrong/blobs/${digest}`)).status).toBe(404);
    expect(await unfinished()).toEqual([]);
  });

  it("goes in a POST and a PUT", async () => {
    const location = await begin();
    expect(location).toMatch(/^\/v2\/a\/b\/blobs\/uploads\/[0-9a-f-]{36}$/);
    const response = await registry.send("PUT", `${location}?digest=${digest}`, { body: text });
    expect(response.status).toBe(201);
    expect(await (await registry.send("GET", `/v2/a/b/blobs/${digest}`)).text()).toBe(text);
  });

  it("goes in chunks, tells how far it is, and ends with an empty PUT or with the last bytes", async () => {
    for (const last of ["", "!"]) {
      const location = await begin();
      const first = await patch(location, "first ", "0-5");
      expect([first.status, first.headers.get("range")]).toEqual([202, "0-5"]);
      const status = await registry.send("GET", first.headers.get("location") ?? "");
      expect([status.status, status.headers.get("range"), status.headers.get("location")]).toEqual([
        204,
        "0-5",
        location,
      ]);
      expect((await patch(location, "second", "6-11")).headers.get("range")).toBe("0-11");
      const whole = sha256Of(text + last);
      const ended = await registry.send("PUT", `${location}?digest=${whole}`, { body: last });
      expect(ended.status).toBe(201);
      expect((await registry.send("GET", location)).status).toBe(404);
    }
  });

  it("streams without saying how much comes", async () => {
    const location = await begin();
    expect((await patch(location, text)).headers.get("range")).toBe("0-11");
    expect((await registry.send("PUT", `${location}?digest=${digest}`)).status).toBe(201);
  });

  it.each(["6-11", "1-6", "nonsense", "0-"])(
    "refuses the chunk %s as the first, and stays as it was",
    async (range) => {
      const location = await begin();
      const refused = await patch(location, "second", range);
      expect(refused.headers.get("location")).toBe(location);
      expect(await errorOf(refused)).toMatchObject({ status: 416, code: "BLOB_UPLOAD_INVALID" });
      expect((await patch(location, text, "0-11")).status).toBe(202);
      expect((await patch(location, text, "0-11")).status).toBe(416);
      expect((await registry.send("PUT", `${location}?digest=${digest}`)).status).toBe(201);
    },
  );

  it("refuses a chunk whose length is not its range's", async () => {
    const location = await begin();
    expect(await errorOf(await patch(location, "abc", "0-9"))).toMatchObject({ status: 400, code: "SIZE_INVALID" });
  });

  it("ends when its bytes are not the ones named", async () => {
    const location = await begin();
    const response = await registry.send("PUT", `${location}?digest=${digest}`, { body: "other" });
    expect(await errorOf(response)).toMatchObject({ status: 400, code: "DIGEST_INVALID" });
    expect(await errorOf(await registry.send("GET", location))).toMatchObject({
      status: 404,
      code: "BLOB_UPLOAD_UNKNOWN",
    });
  });

  it("goes on when a digest was malformed", async () => {
    const location = await begin();
    const refused = await registry.send("PUT", `${location}?digest=sha256:1`, { body: text });
    expect((await errorOf(refused)).code).toBe("DIGEST_INVALID");
    expect((await registry.send("PUT", `${location}?digest=${digest}`, { body: text })).status).toBe(201);
  });

  it("is forgotten when it is cancelled", async () => {
    const before = await unfinished();
    const location = await begin();
    expect((await registry.send("DELETE", location)).status).toBe(204);
    expect((await registry.send("DELETE", location)).status).toBe(404);
    expect(await unfinished()).toEqual(before);
  });

  it("belongs to its repository", async () => {
    const location = await begin("mine");
    expect((await registry.send("GET", location.replace("/mine/", "/theirs/"))).status).toBe(404);
  });

  it("keeps what had arrived when the client goes away, so that it can go on", async () => {
    const location = await begin();
    await new Promise<void>((resolve) => {
      const broken = request(`${registry.server.url}${location}`, {
        method: "PATCH",
        headers: { "content-type": "application/octet-stream", "content-length": 1000 },
      });
      broken.on("error", () => resolve());
      broken.write("first ", () => setTimeout(() => broken.destroy(), 100));
    });
    await expect
      .poll(async () => (await patch(location, "second", "6-11")).status, { interval: 50, timeout: 5000 })
      .toBe(202);
    expect((await registry.send("PUT", `${location}?digest=${digest}`)).status).toBe(201);
  });

  it("takes one writer at a time", async () => {
    const location = await begin();
    const slow = request(`${registry.server.url}${location}`, { method: "PATCH", headers: { "content-length": 6 } });
    const ended = new Promise<number>((resolve) => {
      slow.on("response", (response) => resolve(response.resume().statusCode ?? 0));
    });
    slow.write("fir");
    const progress = async () => (await registry.send("GET", location)).headers.get("range");
    await expect.poll(progress, { timeout: 5000 }).toBe("0-2");
    expect((await patch(location, "x")).status).toBe(409);
    slow.end("st ");
    expect(await ended).toBe(202);
    expect((await patch(location, "second", "6-11")).status).toBe(202);
  });

  it.each([
    ["first ", "0-3", 400],
    ["first ", "0-9", 400],
    ["first ", "6-11", 416],
    ["first ", "0-5", 202],
  ])("holds a body without a length (%j) against its Content-Range %s: %i", async (body, range, wanted) => {
    const location = await begin();
    const sending = request(`${registry.server.url}${location}`, {
      method: "PATCH",
      headers: { "content-range": range, "content-type": "application/octet-stream", "transfer-encoding": "chunked" },
    });
    sending.end(body);
    const [answer] = (await once(sending, "response")) as [IncomingMessage];
    answer.resume();
    expect(answer.statusCode).toBe(wanted);
    expect((await registry.send("GET", location)).status).toBe(204);
  });

  describe("by mounting from another repository", () => {
    it("copies nothing", async () => {
      await registry.pushBlob("from", "mounted");
      const mounted = sha256Of("mounted");
      const response = await registry.send("POST", `/v2/to/blobs/uploads/?mount=${mounted}&from=from`);
      expect([response.status, response.headers.get("location")]).toEqual([201, `/v2/to/blobs/${mounted}`]);
      expect(await (await registry.send("GET", `/v2/to/blobs/${mounted}`)).text()).toBe("mounted");
    });

    it.each([
      ["the other does not hold it", `mount=${sha256Of("absent")}&from=from`],
      ["no other is named", `mount=${digest}`],
      ["the other can be no repository", `mount=${digest}&from=BAD_NAME`],
      ["the digest is of another kind", `mount=sha512:12&from=from`],
    ])("becomes an upload when %s", async (_reason, query) => {
      const response = await registry.send("POST", `/v2/to/blobs/uploads/?${query}`);
      expect(response.status).toBe(202);
      expect(response.headers.get("location")).toMatch(/^\/v2\/to\/blobs\/uploads\//);
    });
  });

  it("needs the bytes even when the store has them: knowing a digest is not having the blob", async () => {
    await registry.pushBlob("owner", text);
    const response = await registry.send("POST", `/v2/thief/blobs/uploads/?digest=${digest}`, { body: "" });
    expect((await errorOf(response)).code).toBe("DIGEST_INVALID");
    expect((await registry.send("HEAD", `/v2/thief/blobs/${digest}`)).status).toBe(404);
  });

  it("goes on after a restart of the registry", async () => {
    await using other = await startTestServer();
    const begun = await other.send("POST", "/v2/a/blobs/uploads/");
    const location = begun.headers.get("location") ?? "";
    await other.send("PATCH", location, { body: "first " });
    await other.restart();
    const status = await other.send("GET", location);
    expect([status.status, status.headers.get("range")]).toEqual([204, "0-5"]);
    expect((await other.send("PUT", `${location}?digest=${digest}`, { body: "second" })).status).toBe(201);
    expect(await (await other.send("GET", `/v2/a/blobs/${digest}`)).text()).toBe(text);
  });
});
