import { sha256Of } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../testing/test-server.js";

interface Made {
  readonly password: string;
}

describe("the flow of Bearer tokens", () => {
  let registry: TestServer;
  let admin: string;
  let reader: string;
  const basic = (name: string, password: string): string =>
    `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
  const post = async (path: string, body: object, authorization?: string, method = "POST"): Promise<Made> => {
    const headers = { "content-type": "application/json", ...(authorization !== undefined && { authorization }) };
    return (await (
      await registry.send(method, `/api/v1${path}`, { headers, body: JSON.stringify(body) })
    ).json()) as Made;
  };
  const tokenFor = async (scope: string, authorization?: string): Promise<string> => {
    const answer = await registry.send("GET", `/v2/token?service=sluice&${new URLSearchParams({ scope })}`, {
      headers: { ...(authorization !== undefined && { authorization }) },
    });
    const { token, access_token, expires_in } = (await answer.json()) as Record<string, unknown>;
    expect([access_token, expires_in]).toEqual([token, 300]);
    return `Bearer ${token}`;
  };
  const send = async (method: string, path: string, authorization: string, body?: string): Promise<Response> =>
    await registry.send(method, path, { headers: { authorization }, ...(body !== undefined && { body }) });

  beforeAll(async () => {
    registry = await startTestServer({ anonymous: "read" });
    admin = basic("admin", (await post("/accounts", { name: "admin", kind: "user", isAdmin: true })).password);
    await post(
      "/scope-maps/app",
      { grants: [{ repository: "app", actions: ["content/read", "metadata/read"] }] },
      admin,
      "PUT",
    );
    reader = basic(
      "reader",
      (await post("/accounts", { name: "reader", kind: "token", scopeMap: "app" }, admin)).password,
    );
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  it("gives who may push a token to push with, and to nowhere else", async () => {
    const token = await tokenFor("repository:app:pull,push", admin);
    const digest = sha256Of("pushed");
    expect((await send("POST", `/v2/app/blobs/uploads/?digest=${digest}`, token, "pushed")).status).toBe(201);
    const elsewhere = await send("POST", `/v2/other/blobs/uploads/?digest=${digest}`, token, "pushed");
    expect([elsewhere.status, elsewhere.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringMatching(/scope="repository:other:pull,push",error="insufficient_scope"$/),
    ]);
    expect((await send("DELETE", `/v2/app/blobs/${digest}`, token)).status).toBe(401);
  });

  it("gives a token for no more than the account may do, by GET and by POST", async () => {
    const body = new URLSearchParams({
      grant_type: "password",
      username: "reader",
      password: Buffer.from(reader.slice("Basic ".length), "base64").toString().slice("reader:".length),
      scope: "repository:app:pull,push",
    }).toString();
    const posted = (await (await registry.send("POST", "/v2/token", { body })).json()) as { token: string };
    for (const token of [await tokenFor("repository:app:pull,push", reader), `Bearer ${posted.token}`]) {
      expect((await send("GET", "/v2/app/tags/list", token)).status).not.toBe(401);
      expect((await send("POST", "/v2/app/blobs/uploads/", token)).status).toBe(401);
    }
  });

  it("lets who does not log in read, where that is chosen, and write nothing", async () => {
    const token = await tokenFor("repository:any/where:pull,push");
    expect((await send("GET", "/v2/any/where/manifests/x", token)).status).toBe(404);
    expect((await send("POST", "/v2/any/where/blobs/uploads/", token)).status).toBe(401);
    expect((await registry.send("GET", "/v2/any/where/manifests/x")).status).toBe(404);
    expect((await registry.send("GET", "/v2/")).status).toBe(401);
  });

  it("refuses a token that was changed, and one of another registry", async () => {
    await using other = await startTestServer();
    const made = (await (await other.send("GET", "/v2/token?scope=repository:app:pull")).json()) as { token: string };
    const [head, claims, signature] = (await tokenFor("repository:app:pull", admin)).split(".");
    const more = Buffer.from(
      JSON.stringify({
        sub: "admin",
        aud: "sluice",
        exp: 4e9,
        grants: [{ repository: "*", actions: ["content/delete"] }],
      }),
    );
    for (const token of [
      `Bearer ${made.token}`,
      `${head}.${more.toString("base64url")}.${signature}`,
      `${head}.${claims}.`,
      "Bearer x",
    ]) {
      expect((await send("GET", "/v2/app/tags/list", token)).status).toBe(401);
    }
  });

  it("manages nothing with a Bearer token, even an administrator's", async () => {
    expect((await send("GET", "/api/v1/accounts", await tokenFor("repository:app:pull", admin))).status).toBe(401);
  });

  it("lets one password go on while the other is renewed, and ends those that are renewed or past their time", async () => {
    const { password: first } = await post("/accounts", { name: "robot", kind: "token", scopeMap: "app" }, admin);
    const { password: second } = await post("/accounts/robot/passwords", { place: 2 }, admin);
    const status = async (password: string): Promise<number> =>
      (await send("GET", "/v2/", basic("robot", password))).status;
    expect([await status(first), await status(second)]).toEqual([200, 200]);
    const { password: past } = await post(
      "/accounts/robot/passwords",
      { place: 2, expiresAt: "2020-01-01T00:00:00Z" },
      admin,
    );
    expect(await status(past)).toBe(401);
  });

  it("never tells a secret again", async () => {
    const text = await (await send("GET", "/api/v1/accounts", admin)).text();
    expect(text).not.toMatch(/hash|salt|secret/);
  });

  it("describes the management API", async () => {
    const document = (await (await registry.send("GET", "/api/v1/openapi.json")).json()) as {
      paths: Record<string, object>;
    };
    expect(Object.keys(document.paths["/api/v1/accounts"] ?? {}).sort()).toEqual(["get", "post"]);
    expect(JSON.stringify(document.paths["/api/v1/usage"])).toContain("streamingBytes");
  });
});
