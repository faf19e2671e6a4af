import { ociMediaTypes, sha256Of } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "./testing/test-server.js";

const absent = sha256Of("absent");
const missingSubject = sha256Of("a subject nobody has pushed");

/** The workflows of the OCI distribution specification's conformance suite (v1.1), step by step. The other suites go deeper. */
describe("a registry that conforms", () => {
  let registry: TestServer;
  beforeAll(async () => {
    registry = await startTestServer();
  });
  afterAll(() => registry[Symbol.asyncDispose]());
  const statusOf = async (method: string, path: string): Promise<number> =>
    (await registry.send(method, `/v2/${path}`)).status;
  const begin = async (repository: string): Promise<string> => {
    const begun = await registry.send("POST", `/v2/${repository}/blobs/uploads/`, {
      headers: { "content-length": "0" },
    });
    expect(begun.status).toBe(202);
    return begun.headers.get("location") ?? "";
  };

  it("serves pulls: GET and HEAD of blobs and manifests, by tag and digest, there and not there", async () => {
    const { digest } = await registry.pushImage("pull", "tagtest0", "layer");
    const blob = sha256Of("layer");
    for (const method of ["HEAD", "GET"]) {
      expect(await statusOf(method, `pull/blobs/${blob}`)).toBe(200);
      expect(await statusOf(method, `pull/manifests/${digest}`)).toBe(200);
      expect(await statusOf(method, `pull/manifests/tagtest0`)).toBe(200);
      expect(await statusOf(method, `pull/blobs/${absent}`)).toBe(404);
      expect(await statusOf(method, `pull/manifests/.INVALID_MANIFEST_NAME`)).toBeGreaterThanOrEqual(400);
      expect(await statusOf(method, `pull/manifests/${absent}`)).toBe(404);
    }
    const refused = await registry.pushManifest("pull", "sha256:totallywrong", {});
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ errors: [{ code: expect.stringMatching(/^[A-Z_]+$/) }] });
  });

  it("takes blobs streamed, in one POST, in POST and PUT, and in chunks that must be in order", async () => {
    const bytes = "chunk onechunk two";
    const digest = sha256Of(bytes);
    const octets = { "content-type": "application/octet-stream" };
    const streamed = await begin("push");
    const sent = await registry.send("PATCH", streamed, { body: bytes, headers: octets });
    expect(sent.status).toBe(202);
    const next = sent.headers.get("location") ?? "";
    const ended = await registry.send("PUT", `${next}?digest=${digest}`, { headers: octets });
    expect([ended.status, ended.headers.get("location")]).toEqual([201, `/v2/push/blobs/${digest}`]);
    const chunked = await begin("push");
    const second = { ...octets, "content-range": "9-17" };
    expect((await registry.send("PATCH", chunked, { body: "chunk two", headers: second })).status).toBe(416);
    const first = await registry.send("PATCH", chunked, {
      body: "chunk one",
      headers: { ...octets, "content-range": "0-8" },
    });
    expect([first.status, first.headers.get("range")]).toEqual([202, "0-8"]);
    const again = { ...octets, "content-range": "0-8" };
    expect((await registry.send("PATCH", chunked, { body: "chunk one", headers: again })).status).toBe(416);
    const status = await registry.send("GET", chunked);
    expect([status.status, status.headers.get("range")]).toEqual([204, "0-8"]);
    expect(
      (await registry.send("PUT", `${chunked}?digest=${digest}`, { body: "chunk two", headers: second })).status,
    ).toBe(201);
  });

  it("cancels uploads, mounts blobs, and opens an upload where it cannot mount", async () => {
    const cancelled = await begin("cancel");
    expect((await registry.send("DELETE", cancelled)).status).toBe(204);
    expect((await registry.send("GET", cancelled)).status).toBe(404);
    const digest = await registry.pushBlob("mount/source", "to be mounted");
    const mount = (query: string) => registry.send("POST", `/v2/mount/target/blobs/uploads/?${query}`);
    expect((await mount(`mount=${absent}&from=mount/source`)).status).toBe(202);
    expect((await mount(`mount=${digest}`)).status).toBe(202);
    const mounted = await mount(`mount=${digest}&from=mount/source`);
    expect([mounted.status, mounted.headers.get("location")]).toEqual([201, `/v2/mount/target/blobs/${digest}`]);
    expect(await statusOf("GET", `mount/target/blobs/${digest}`)).toBe(200);
  });

  it("lists tags: all, n, n=0, behind last", async () => {
    for (const tag of ["test0", "test1", "test2", "test3"]) await registry.pushImage("tags", tag, "same");
    const tags = async (query = ""): Promise<unknown> =>
      ((await (await registry.send("GET", `/v2/tags/tags/list${query}`)).json()) as { tags: unknown }).tags;
    expect(await tags()).toEqual(["test0", "test1", "test2", "test3"]);
    expect(await tags("?n=2")).toEqual(["test0", "test1"]);
    expect(await tags("?n=2&last=test1")).toEqual(["test2", "test3"]);
    expect(await tags("?last=test2")).toEqual(["test3"]);
    expect(await tags("?n=0")).toEqual([]);
  });

  it("lists referrers: of a subject that is missing, filtered, and none of an unknown digest", async () => {
    const subject = { mediaType: ociMediaTypes.manifest, digest: missingSubject, size: 10 };
    const { digest } = await registry.pushImage("referrers", "artifact", "refers", subject);
    const list = async (of: string, query = "") => {
      const response = await registry.send("GET", `/v2/referrers/referrers/${of}${query}`);
      expect([response.status, response.headers.get("content-type")]).toEqual([200, ociMediaTypes.index]);
      const { manifests } = (await response.json()) as { manifests: { digest: string }[] };
      return { filters: response.headers.get("oci-filters-applied"), found: manifests.map((entry) => entry.digest) };
    };
    expect(await list(missingSubject)).toEqual({ filters: null, found: [digest] });
    const query = (type: string): string => `?${new URLSearchParams({ artifactType: type })}`;
    expect(await list(missingSubject, query("application/x.test"))).toEqual({
      filters: "artifactType",
      found: [digest],
    });
    expect(await list(missingSubject, query("application/x.other"))).toEqual({ filters: "artifactType", found: [] });
    expect(await list(absent)).toEqual({ filters: null, found: [] });
  });

  it("deletes tags, manifests and blobs, each 404 afterwards and gone from the list", async () => {
    const { digest } = await registry.pushImage("delete", "tagtest0", "doomed");
    expect(await statusOf("DELETE", "delete/manifests/tagtest0")).toBe(202);
    expect(await statusOf("GET", "delete/manifests/tagtest0")).toBe(404);
    expect(await statusOf("DELETE", `delete/manifests/${digest}`)).toBe(202);
    expect(await statusOf("GET", `delete/manifests/${digest}`)).toBe(404);
    expect(await statusOf("DELETE", `delete/manifests/${digest}`)).toBe(404);
    expect(await (await registry.send("GET", "/v2/delete/tags/list")).json()).toMatchObject({ tags: [] });
    expect(await statusOf("DELETE", `delete/blobs/${sha256Of("doomed")}`)).toBe(202);
    expect(await statusOf("GET", `delete/blobs/${sha256Of("doomed")}`)).toBe(404);
    expect(await statusOf("DELETE", `delete/blobs/${sha256Of("doomed")}`)).toBe(404);
  });

  it("refuses a manifest under a digest that is not its own", async () => {
    const refused = await registry.pushManifest(
      "push",
      absent,
      { schemaVersion: 2, manifests: [] },
      ociMediaTypes.index,
    );
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ errors: [{ code: "DIGEST_INVALID" }] });
  });
});
