import { createImageIndex, ociMediaTypes, sha256Of } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorOf, startTestServer, type TestServer } from "../testing/test-server.js";

let registry: TestServer;
beforeAll(async () => {
  registry = await startTestServer();
});
afterAll(() => registry[Symbol.asyncDispose]());

const json = async <T>(path: string): Promise<{ body: T; headers: Headers }> => {
  const response = await registry.send("GET", path);
  expect(response.status).toBe(200);
  return { body: (await response.json()) as T, headers: response.headers };
};

describe("the tags of a repository", () => {
  beforeAll(async () => {
    for (const tag of ["b", "A", "c", "_x", "1", "B"]) await registry.pushImage("tags", tag, "content");
    await registry.pushImage("tags/below", "z", "content");
  });

  it("come in order, letters of both cases together, and only its own", async () => {
    const { body } = await json<object>("/v2/tags/tags/list");
    expect(body).toEqual({ name: "tags", tags: ["1", "_x", "A", "B", "b", "c"] });
  });

  it("come in pages, each with a link to the next", async () => {
    const seen: string[] = [];
    let path: string | undefined = "/v2/tags/tags/list?n=2";
    for (let pages = 0; path !== undefined; pages++) {
      expect(pages).toBeLessThan(4);
      const { body, headers }: { body: { tags: string[] }; headers: Headers } = await json(path);
      expect(body.tags.length).toBeLessThanOrEqual(2);
      seen.push(...body.tags);
      path = /^<(.+)>; rel="next"$/.exec(headers.get("link") ?? "")?.[1];
    }
    expect(seen).toEqual(["1", "_x", "A", "B", "b", "c"]);
  });

  it("begin behind no text that cannot be stored", async () => {
    for (const path of ["/v2/tags/tags/list?last=%00", "/v2/_catalog?last=a%00", "/api/v1/operations?after=%00"]) {
      expect(await errorOf(await registry.send("GET", path))).toMatchObject({ status: 400, code: "NAME_INVALID" });
    }
  });

  it("begin behind a tag that need not exist", async () => {
    const { body } = await json<{ tags: string[] }>("/v2/tags/tags/list?last=azure");
    expect(body.tags).toEqual(["B", "b", "c"]);
  });

  it("are none when none are asked for", async () => {
    const { body, headers } = await json<{ tags: string[] }>("/v2/tags/tags/list?n=0");
    expect([body.tags, headers.get("link")]).toEqual([[], null]);
  });

  it.each(["-1", "x", "1e3"])("refuse n=%s", async (n) => {
    expect((await errorOf(await registry.send("GET", `/v2/tags/tags/list?n=${n}`))).status).toBe(400);
  });

  it("of a repository that is not there are unknown", async () => {
    expect(await errorOf(await registry.send("GET", "/v2/none/tags/list"))).toMatchObject({
      status: 404,
      code: "NAME_UNKNOWN",
    });
  });
});

describe("the repositories", () => {
  it("are listed by name, in pages", async () => {
    const { body, headers } = await json<{ repositories: string[] }>("/v2/_catalog?n=1&last=tag");
    expect(body.repositories).toEqual(["tags"]);
    expect(headers.get("link")).toBe('</v2/_catalog?n=1&last=tags>; rel="next"');
  });
});

describe("the referrers of a manifest", () => {
  interface Listed {
    readonly mediaType: string;
    readonly manifests: readonly { digest: string; artifactType?: string; annotations?: Record<string, string> }[];
  }

  it("come in pages that clients can read, however long their annotations", async () => {
    const subject = await registry.pushImage("long", "1", "subject");
    const empty = { mediaType: ociMediaTypes.config, digest: await registry.pushBlob("long", "{}"), size: 2 };
    const pushed: string[] = [];
    for (const letter of ["a", "b", "c"]) {
      const annotations = { long: letter.repeat(1_500_000) };
      const document = {
        schemaVersion: 2,
        mediaType: ociMediaTypes.manifest,
        config: empty,
        layers: [],
        subject,
        annotations,
      };
      const response = await registry.pushManifest("long", `r-${letter}`, document);
      pushed.push(response.headers.get("docker-content-digest") ?? "");
    }
    const seen: string[] = [];
    for (let path: string | undefined = `/v2/long/referrers/${subject.digest}`; path !== undefined; ) {
      const response: Response = await registry.send("GET", path);
      const text = await response.text();
      expect(text.length).toBeLessThan(2_100_000);
      seen.push(...(JSON.parse(text) as Listed).manifests.map(({ digest }) => digest));
      path = /^<(.+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1];
    }
    expect(seen).toEqual(pushed.toSorted());
  });

  it("are an empty index for a digest nobody knows, in any repository", async () => {
    const { body, headers } = await json<Listed>(`/v2/none/referrers/${sha256Of("nothing")}`);
    expect(headers.get("content-type")).toBe(ociMediaTypes.index);
    expect(body).toMatchObject({ schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: [] });
  });

  it("are listed with type and annotations, whether the subject came before, after or never", async () => {
    const subject = { mediaType: ociMediaTypes.manifest, digest: sha256Of("not pushed"), size: 10 };
    const one = await registry.pushImage("refs", "one", "one", subject);
    const two = await registry.pushImage("refs", "two", "two", subject);
    const { body } = await json<Listed>(`/v2/refs/referrers/${subject.digest}`);
    expect(body.manifests.map(({ digest }) => digest)).toEqual([one.digest, two.digest].sort());
    expect(body.manifests.find(({ digest }) => digest === one.digest)).toEqual({
      ...one,
      artifactType: "application/x.test",
      annotations: { content: "one" },
    });
    await registry.send("DELETE", `/v2/refs/manifests/${one.digest}`);
    expect((await json<Listed>(`/v2/refs/referrers/${subject.digest}`)).body.manifests).toHaveLength(1);
  });

  it("make the registry name the subject when they are pushed", async () => {
    const subject = await registry.pushImage("named", "subject", "subject");
    const config = await registry.pushBlob("named", "{}");
    const response = await registry.pushManifest("named", "referrer", {
      schemaVersion: 2,
      mediaType: ociMediaTypes.manifest,
      config: { mediaType: "application/x.config", digest: config, size: 2 },
      layers: [],
      subject,
    });
    expect(response.headers.get("oci-subject")).toBe(subject.digest);
    const { body } = await json<Listed>(`/v2/named/referrers/${subject.digest}`);
    expect(body.manifests.map(({ artifactType }) => artifactType)).toEqual(["application/x.config"]);
  });

  it("are filtered by type, and the answer says so", async () => {
    const subject = await registry.pushImage("filter", "subject", "subject");
    await registry.pushImage("filter", "one", "one", subject);
    const path = `/v2/filter/referrers/${subject.digest}`;
    const match = await json<Listed>(`${path}?artifactType=${encodeURIComponent("application/x.test")}`);
    expect([match.body.manifests.length, match.headers.get("oci-filters-applied")]).toEqual([1, "artifactType"]);
    expect((await json<Listed>(`${path}?artifactType=other`)).body.manifests).toEqual([]);
    expect((await json<Listed>(path)).headers.get("oci-filters-applied")).toBeNull();
  });

  it("include what clients had listed under the fallback tag, each once", async () => {
    const subject = await registry.pushImage("fallback", "subject", "subject");
    const known = await registry.pushImage("fallback", "known", "known", subject);
    const older = await registry.pushImage("fallback", "older", "older");
    const index = createImageIndex([known, { ...older, artifactType: "application/x.older" }]);
    const tag = subject.digest.replace(":", "-");
    expect((await registry.pushManifest("fallback", tag, index.bytes, ociMediaTypes.index)).status).toBe(201);
    const { body } = await json<Listed>(`/v2/fallback/referrers/${subject.digest}`);
    expect(body.manifests.map(({ digest }) => digest)).toEqual([known.digest, older.digest].sort());
    expect(body.manifests.find(({ digest }) => digest === known.digest)?.artifactType).toBe("application/x.test");
  });

  it("are asked for by digest", async () => {
    expect(await errorOf(await registry.send("GET", "/v2/refs/referrers/latest"))).toMatchObject({
      status: 400,
      code: "DIGEST_INVALID",
    });
  });
});
