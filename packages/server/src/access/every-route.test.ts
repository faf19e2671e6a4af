import { ociMediaTypes, sha256Of } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../testing/test-server.js";
import { parseUpstreams } from "../upstream/upstream.js";

const callers = ["nobody", "wrong", "reader", "writer", "deleter", "elsewhere", "disabled", "admin"] as const;
type CallerName = (typeof callers)[number];

/** A path of each route and method; `{…}` are filled in. Blobs, manifests and uploads are made anew for each request. */
const routes: readonly (readonly [method: string, path: string, allowed: readonly CallerName[]])[] = [
  ["GET", "/v2/", ["reader", "writer", "deleter", "elsewhere", "admin"]],
  ["GET", "/v2/app/tags/list", ["reader", "admin"]],
  ["GET", "/v2/app/referrers/{manifest}", ["reader", "admin"]],
  ["GET", "/v2/app/manifests/{manifest}", ["reader", "admin"]],
  ["HEAD", "/v2/app/manifests/{manifest}", ["reader", "admin"]],
  ["GET", "/v2/app/manifests/no-such", ["reader", "admin"]],
  ["PUT", "/v2/app/manifests/pushed", ["writer", "admin"]],
  ["DELETE", "/v2/app/manifests/{manifest}", ["deleter", "admin"]],
  ["GET", "/v2/app/blobs/{blob}", ["reader", "admin"]],
  ["HEAD", "/v2/app/blobs/{blob}", ["reader", "admin"]],
  ["DELETE", "/v2/app/blobs/{blob}", ["deleter", "admin"]],
  ["POST", "/v2/app/blobs/uploads/", ["writer", "admin"]],
  ["POST", "/v2/app/blobs/uploads/?mount={blob}&from=app", ["writer", "admin"]],
  ["GET", "/v2/app/blobs/uploads/{upload}", ["writer", "admin"]],
  ["PATCH", "/v2/app/blobs/uploads/{upload}", ["writer", "admin"]],
  ["PUT", `/v2/app/blobs/uploads/{upload}?digest=${sha256Of("body")}`, ["writer", "admin"]],
  ["DELETE", "/v2/app/blobs/uploads/{upload}", ["writer", "admin"]],
  ["GET", "/api/v1/accounts", ["admin"]],
  ["POST", "/api/v1/accounts", ["admin"]],
  ["PATCH", "/api/v1/accounts/reader", ["admin"]],
  ["DELETE", "/api/v1/accounts/no-such", ["admin"]],
  ["POST", "/api/v1/accounts/deleter/passwords", ["admin"]],
  ["GET", "/api/v1/scope-maps", ["admin"]],
  ["PUT", "/api/v1/scope-maps/any", ["admin"]],
  ["DELETE", "/api/v1/scope-maps/no-such", ["admin"]],
  ["GET", "/api/v1/usage", ["admin"]],
  ["POST", "/api/v1/garbage-collections", ["admin"]],
  ["POST", "/api/v1/imports", ["writer", "admin"]],
  ["GET", "/api/v1/repositories", ["nobody", "reader", "writer", "deleter", "elsewhere", "admin"]],
  ["GET", "/api/v1/repository?name=app", ["reader", "admin"]],
  ["PATCH", "/api/v1/repository?name=app", ["admin"]],
  ["POST", "/api/v1/operations", ["writer", "admin"]],
  ["GET", "/api/v1/operations", ["nobody", "reader", "writer", "deleter", "elsewhere", "admin"]],
  ["GET", "/api/v1/operations?repository=app", ["reader", "admin"]],
  ["GET", "/api/v1/operations/{operation}", ["reader", "admin"]],
  ["POST", "/api/v1/operations/{operation}/cancel", ["writer", "admin"]],
  ["GET", "/v2/hub/app/tags/list", ["admin"]],
  ["GET", "/v2/hub/app/manifests/1", ["admin"]],
  ["DELETE", "/v2/hub/app/manifests/1", ["deleter", "admin"]],
  ["POST", "/v2/hub/app/blobs/uploads/", ["admin"]],
  ["PATCH", "/api/v1/repository?name=hub/app", ["admin"]],
  ["POST", "/api/v1/upstreams/hub/notifications", ["reader", "writer", "deleter", "elsewhere", "admin"]],
  ["GET", "/api/v1/events", ["admin"]],
  ["GET", "/api/v1/settings/quota", ["admin"]],
  ["PATCH", "/api/v1/settings/quota", ["admin"]],
  ["POST", "/api/v1/snapshots", ["admin"]],
  ["GET", "/api/v1/settings/soft-delete", ["admin"]],
  ["PATCH", "/api/v1/settings/soft-delete", ["admin"]],
  ["GET", "/api/v1/deleted-repositories", ["reader", "writer", "deleter", "elsewhere", "admin"]],
  ["GET", "/api/v1/deleted-manifests?repository=app", ["reader", "admin"]],
  ["GET", "/api/v1/deleted-tags?repository=app", ["reader", "admin"]],
  ["POST", "/api/v1/restorations", ["writer", "admin"]],
  ["DELETE", "/api/v1/repository?name=app", ["deleter", "admin"]],
  ["GET", "/api/v1/webhooks", ["admin"]],
  ["POST", "/api/v1/webhooks", ["admin"]],
  ["GET", "/api/v1/webhooks/hook", ["admin"]],
  ["PATCH", "/api/v1/webhooks/hook", ["admin"]],
  ["DELETE", "/api/v1/webhooks/hook", ["admin"]],
  ["GET", "/api/v1/webhooks/hook/config", ["admin"]],
  ["POST", "/api/v1/webhooks/hook/ping", ["admin"]],
  ["GET", "/api/v1/webhooks/hook/events", ["admin"]],
];

describe("every route, for every kind of caller", () => {
  let registry: TestServer;
  let operation: string;
  const passwords = new Map<CallerName, string>();
  const api = async (method: string, path: string, body?: object): Promise<Record<string, string>> => {
    const answer = await as("admin", method, `/api/v1${path}`, body && JSON.stringify(body), "application/json");
    expect([path, answer.status]).toEqual([path, expect.toSatisfy((status) => status < 300)]);
    return (await answer.json()) as Record<string, string>;
  };
  const loginOf = (caller: CallerName): { readonly authorization?: string } => {
    const name = caller === "wrong" ? "reader" : caller;
    const basic = Buffer.from(`${name}:${passwords.get(caller) ?? "wrong"}`).toString("base64");
    return passwords.has(caller) || caller === "wrong" ? { authorization: `Basic ${basic}` } : {};
  };
  const as = (caller: CallerName, method: string, path: string, body?: string, type = "application/octet-stream") =>
    registry.send(method, path, {
      headers: { ...(body !== undefined && { "content-type": type }), ...loginOf(caller) },
      ...(body !== undefined && { body }),
    });

  beforeAll(async () => {
    registry = await startTestServer({
      ...{ maxLoginFailures: 10_000, conversions: { concurrency: 0 } },
      upstreams: parseUpstreams(["hub=127.0.0.1:1"]),
    });
    passwords.set(
      "admin",
      (await api("POST", "/accounts", { name: "admin", kind: "user", isAdmin: true }))["password"] ?? "",
    );
    const maps: Readonly<Partial<Record<CallerName, readonly [string, readonly string[]]>>> = {
      reader: ["app", ["content/read", "metadata/read"]],
      writer: ["ap*", ["content/write"]],
      deleter: ["*", ["content/delete"]],
      elsewhere: ["app/*", ["content/read", "content/write", "content/delete", "metadata/read", "metadata/write"]],
      disabled: ["*", ["content/read", "metadata/read"]],
    };
    for (const [name, [repository, actions] = ["", []]] of Object.entries(maps)) {
      await api("PUT", `/scope-maps/${name}`, { grants: [{ repository, actions }] });
      const made = await api("POST", "/accounts", { name, kind: "token", scopeMap: name });
      passwords.set(name as CallerName, made["password"] ?? ""); // the keys of the table above
    }
    await api("PATCH", "/accounts/disabled", { isDisabled: true });
    await pushConvertible();
    operation = (await api("POST", "/operations", { repository: "app", reference: "image" }))["id"] ?? "";
  }, 60_000); // passwords are slow to hash, on a busy machine very
  afterAll(() => registry[Symbol.asyncDispose]());

  /** An image that would be converted if this registry converted any. */
  const pushConvertible = async (): Promise<void> => {
    const config = { os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [sha256Of("layer")] } };
    const descriptors = [];
    for (const [mediaType, bytes] of [
      [ociMediaTypes.config, JSON.stringify(config)],
      [ociMediaTypes.layer, "layer"],
    ] as const) {
      const digest = sha256Of(bytes);
      await as("admin", "POST", `/v2/app/blobs/uploads/?digest=${digest}`, bytes);
      descriptors.push({ mediaType, digest, size: bytes.length });
    }
    const manifest = { schemaVersion: 2, config: descriptors[0], layers: [descriptors[1]] };
    await as("admin", "PUT", "/v2/app/manifests/image", JSON.stringify(manifest), ociMediaTypes.manifest);
  };

  /** Fills in a path with content of its own, pushed by the administrator. */
  const filled = async (path: string, unique: string): Promise<string> => {
    const made: Readonly<Record<string, () => Promise<string>>> = {
      "{blob}": async () => {
        const blob = sha256Of(unique);
        await as("admin", "POST", `/v2/app/blobs/uploads/?digest=${blob}`, unique);
        return blob;
      },
      "{manifest}": async () => {
        const annotations = { unique };
        const index = JSON.stringify({ schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: [], annotations });
        await as("admin", "PUT", `/v2/app/manifests/${sha256Of(index)}`, index, ociMediaTypes.index);
        return sha256Of(index);
      },
      "{upload}": async () => {
        const { headers } = await as("admin", "POST", "/v2/app/blobs/uploads/");
        return headers.get("docker-upload-uuid") ?? "";
      },
      "{operation}": async () => operation,
    };
    let whole = path;
    for (const [place, make] of Object.entries(made))
      if (path.includes(place)) whole = whole.replace(place, await make());
    return whole;
  };
  const bodies: Readonly<Record<string, readonly [string, string]>> = {
    "/v2/app/manifests/pushed": [JSON.stringify({ schemaVersion: 2, manifests: [] }), ociMediaTypes.index],
    "/api/v1/accounts": [JSON.stringify({ name: "made", kind: "token" }), "application/json"],
    "/api/v1/accounts/reader": ["{}", "application/json"],
    "/api/v1/accounts/deleter/passwords": [JSON.stringify({ place: 2 }), "application/json"],
    "/api/v1/scope-maps/any": [JSON.stringify({ grants: [] }), "application/json"],
    "/api/v1/webhooks": [
      JSON.stringify({ name: "hook", url: "http://127.0.0.1:1", actions: ["push"] }),
      "application/json",
    ],
    "/api/v1/webhooks/hook": ["{}", "application/json"],
    "/api/v1/settings/soft-delete": ["{}", "application/json"],
    "/api/v1/settings/quota": ["{}", "application/json"],
    "/api/v1/restorations": [JSON.stringify({ repository: "app", tag: "no-such" }), "application/json"],
    "/api/v1/imports": [JSON.stringify({ source: "no:reference", repository: "app" }), "application/json"],
    "/api/v1/repository?name=app": [JSON.stringify({ streaming: "Inactive" }), "application/json"],
    "/api/v1/repository?name=hub/app": [JSON.stringify({ streaming: "Inactive" }), "application/json"],
    "/api/v1/upstreams/hub/notifications": [JSON.stringify({ events: [] }), "application/json"],
    "/api/v1/operations": [JSON.stringify({ repository: "app", reference: "no-such" }), "application/json"],
    "/api/v1/garbage-collections": [JSON.stringify({ dryRun: true }), "application/json"],
  };

  const bodyFor = (method: string, path: string): readonly [body?: string, type?: string] => {
    if (method === "GET") return [];
    return bodies[path] ?? (["PATCH", "PUT"].includes(method) ? ["body", "application/octet-stream"] : []);
  };

  describe.each(routes)("%s %s", (method, path, allowed) => {
    it.each(callers)("by %s", async (caller) => {
      const [body, type] = bodyFor(method, path);
      const { status, headers } = await as(
        caller,
        method,
        await filled(path, `${method} ${path} ${caller}`),
        body,
        type,
      );
      if (allowed.includes(caller)) {
        expect([401, 403, 500]).not.toContain(status);
        return;
      }
      const isUnknown = ["nobody", "wrong", "disabled"].includes(caller);
      expect(status).toBe(isUnknown ? 401 : 403);
      if (isUnknown)
        expect(headers.get("www-authenticate")).toMatch(
          /^Bearer realm="http:\/\/127\.0\.0\.1:\d+\/v2\/token",service="sluice"/,
        );
    });
  });

  it("is asked of every route that the API has", async () => {
    const document = await (await registry.send("GET", "/api/v1/openapi.json")).json();
    const { paths } = document as { paths: Readonly<Record<string, object>> };
    // Asked of anybody, and answered with the same to all.
    const open = ["GET /api/v1/"];
    const missing = Object.entries(paths).flatMap(([path, methods]) => {
      const pattern = new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, "[^/]+")}$`);
      return Object.keys(methods)
        .map((method) => method.toUpperCase())
        .filter((method) => !routes.some(([asked, at]) => asked === method && pattern.test(at.split("?", 1)[0] ?? "")))
        .map((method) => `${method} ${path}`);
    });
    expect(missing.filter((route) => !open.includes(route))).toEqual([]);
    expect(Object.keys(paths).length).toBeGreaterThan(25);
  });

  it("lists in the catalog what the caller may list", async () => {
    await as("admin", "POST", `/v2/secret/blobs/uploads/?digest=${sha256Of("x")}`, "x");
    const seen = async (caller: CallerName): Promise<unknown> =>
      ((await (await as(caller, "GET", "/v2/_catalog")).json()) as { repositories: unknown }).repositories;
    expect(await seen("admin")).toEqual(["app", "hub/app", "secret"]);
    expect(await seen("reader")).toEqual(["app"]);
    expect(await seen("nobody")).toEqual([]);
  });

  it("mounts nothing out of a repository that the caller may not read", async () => {
    await as("admin", "POST", `/v2/secret/blobs/uploads/?digest=${sha256Of("x")}`, "x");
    const mount = `/v2/app/blobs/uploads/?mount=${sha256Of("x")}&from=secret`;
    expect((await as("writer", "POST", mount)).status).toBe(202);
    expect((await as("admin", "POST", mount)).status).toBe(201);
  });

  it("knows an upload in its own repository only, whoever asks", async () => {
    const upload = (await as("admin", "POST", "/v2/app/blobs/uploads/")).headers.get("docker-upload-uuid");
    for (const method of ["GET", "PATCH", "DELETE"]) {
      const { status } = await as(
        "elsewhere",
        method,
        `/v2/app/sub/blobs/uploads/${upload}`,
        method === "PATCH" ? "x" : undefined,
      );
      expect(status).toBe(404);
    }
  });

  it.each([
    "/v2/app/../secret/tags/list",
    "/v2/../api/v1/accounts",
    "/v2/..%2fsecret/tags/list",
    "/v2/app/blobs/..%2f..%2fmetadata",
    "/v2/app%00/tags/list",
  ])("takes no path for another: %s", async (path) => {
    expect([400, 401, 403, 404]).toContain(await registry.statusOf(path, loginOf("reader")));
  });

  it("refuses bodies that are too large", async () => {
    const large = "x".repeat(5_000_000);
    expect((await as("admin", "PUT", "/v2/app/manifests/large", large, ociMediaTypes.manifest)).status).toBe(413);
    expect((await as("admin", "POST", "/api/v1/accounts", large, "application/json")).status).toBe(413);
    expect((await registry.send("POST", "/v2/token", { body: "x".repeat(20_000) })).status).toBe(413);
  });

  it("lets who guesses wait", async () => {
    await using guessed = await startTestServer();
    const headers = { authorization: `Basic ${Buffer.from("a:b").toString("base64")}` };
    const statuses = [];
    for (let at = 0; at < 22; at++) statuses.push((await guessed.send("GET", "/v2/", { headers })).status);
    expect([statuses[0], statuses[19], statuses[21]]).toEqual([401, 401, 429]);
  });

  it.each([
    ["127.0.0.1", "203.0.113.7", [401, 429, 401]],
    ["127.0.0.0/8", "203.0.113.7, 127.0.0.3", [401, 429, 401]],
    ["192.0.2.1", "203.0.113.7", [401, 429, 429]],
  ])("lets who guesses wait alone behind a proxy that is trusted: %s, %s", async (trusted, other, wanted) => {
    await using behind = await startTestServer({ maxLoginFailures: 1, trustedProxies: [trusted] });
    const guess = async (forwarded: string) => {
      const authorization = `Basic ${Buffer.from("a:b").toString("base64")}`;
      return (await behind.send("GET", "/v2/", { headers: { authorization, "x-forwarded-for": forwarded } })).status;
    };
    // What a client adds itself stands on the left.
    const guesses = ["198.51.100.1", "203.0.113.9, 198.51.100.1", other];
    expect([await guess(guesses[0] ?? ""), await guess(guesses[1] ?? ""), await guess(guesses[2] ?? "")]).toEqual(
      wanted,
    );
  });
});
