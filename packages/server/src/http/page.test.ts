import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../testing/test-server.js";

describe("the files of the web page", () => {
  let registry: TestServer;
  beforeAll(async () => {
    registry = await startTestServer();
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  it("are at /ui/, where the root leads", async () => {
    for (const path of ["/", "/ui"]) {
      const { status, headers } = await registry.send("GET", path);
      expect([status, headers.get("location")]).toEqual([302, "ui/"]);
    }
    const answer = await registry.send("GET", "/ui/");
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(await answer.text()).toContain("<!doctype html>");
  });

  it.each([
    ["main.js", "text/javascript; charset=utf-8"],
    ["views/image.js", "text/javascript; charset=utf-8"],
    ["page.css", "text/css; charset=utf-8"],
    ["icon.svg", "image/svg+xml"],
  ])("include %s, under its media type", async (name, mediaType) => {
    const answer = await registry.send("GET", `/ui/${name}`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, mediaType]);
  });

  it("let nothing run, load, frame or be asked but themselves, and hold no script of their own in the markup", async () => {
    const answer = await registry.send("GET", "/ui/");
    const { headers } = answer;
    expect(headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; script-src 'self';.*frame-ancestors 'none'.*require-trusted-types-for 'script'/,
    );
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("referrer-policy")).toBe("no-referrer");
    expect(await answer.text()).not.toMatch(/<script(?![^>]* src=)|<style| on[a-z]+=|https?:/);
  });

  it("are asked about each time and sent when they changed", async () => {
    const { headers } = await registry.send("GET", "/ui/main.js");
    expect(headers.get("cache-control")).toBe("no-cache");
    const known = { "if-none-match": headers.get("etag") ?? "" };
    expect((await registry.send("GET", "/ui/main.js", { headers: known })).status).toBe(304);
  });

  it.each([
    "../package.json",
    "..%2fpackage.json",
    "main.d.ts",
    "%2e%2e/%2e%2e/package.json",
    "no-such",
    "constructor",
  ])("are all there is: not %s", async (name) => {
    expect((await registry.send("GET", `/ui/${name}`)).status).toBe(404);
  });

  it("are shown to whoever reaches the registry, also when it has accounts", async () => {
    await using closed = await startTestServer();
    const body = JSON.stringify({ name: "admin", kind: "user", isAdmin: true });
    await closed.send("POST", "/api/v1/accounts", { headers: { "content-type": "application/json" }, body });
    expect((await closed.send("GET", "/v2/")).status).toBe(401);
    expect((await closed.send("GET", "/ui/")).status).toBe(200);
  });
});
