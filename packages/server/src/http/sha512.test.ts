import { contentDigestOf, ociMediaTypes, sha256Of } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorOf, startTestServer, type TestServer } from "../testing/test-server.js";

describe("content named by sha512", () => {
  let registry: TestServer;
  beforeAll(async () => {
    registry = await startTestServer();
  });
  afterAll(() => registry[Symbol.asyncDispose]());
  const push = (bytes: string, digest: string) =>
    registry.send("POST", `/v2/app/blobs/uploads/?digest=${digest}`, { body: bytes });

  it("is stored as what it is named by, also after a restart that sweeps", async () => {
    const digest = contentDigestOf("layer", "sha512");
    expect((await push("layer", digest)).status).toBe(201);
    expect((await registry.send("GET", `/v2/app/blobs/${sha256Of("layer")}`)).status).toBe(404);
    await registry.restart();
    const read = await registry.send("GET", `/v2/app/blobs/${digest}`);
    expect([await read.text(), read.headers.get("docker-content-digest")]).toEqual(["layer", digest]);
  });

  it("is refused when it hashes to something else, though the sha256 were right", async () => {
    expect(await errorOf(await push("layer", contentDigestOf("other", "sha512")))).toMatchObject({
      status: 400,
      code: "DIGEST_INVALID",
    });
  });

  it("may be a manifest, tagged by ?tag=, with a subject and referrers of its kind", async () => {
    const subject = contentDigestOf("no such", "sha512");
    const document = JSON.stringify({
      schemaVersion: 2,
      mediaType: ociMediaTypes.index,
      artifactType: "application/x.test",
      manifests: [],
      subject: { mediaType: ociMediaTypes.manifest, digest: subject, size: 3 },
    });
    const digest = contentDigestOf(document, "sha512");
    const path = `app/manifests/${digest}?tag=one&tag=two`;
    const pushed = await registry.send("PUT", `/v2/${path}`, {
      body: document,
      headers: { "content-type": ociMediaTypes.index },
    });
    expect([pushed.status, pushed.headers.get("oci-tag"), pushed.headers.get("oci-subject")]).toEqual([
      201,
      "one, two",
      subject,
    ]);
    const read = await registry.send("GET", "/v2/app/manifests/two");
    expect([read.headers.get("docker-content-digest"), await read.text()]).toEqual([digest, document]);
    const list = await (await registry.send("GET", `/v2/app/referrers/${subject}`)).json();
    expect(list).toMatchObject({ manifests: [{ digest, artifactType: "application/x.test" }] });
  });

  it("takes no more tags in a push than it says, and none beside a tag in the path", async () => {
    const document = JSON.stringify({ schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: [] });
    const put = (path: string) =>
      registry.send("PUT", `/v2/app/manifests/${path}`, {
        body: document,
        headers: { "content-type": ociMediaTypes.index },
      });
    const many = Array.from({ length: 101 }, (_, at) => `tag=t${at}`).join("&");
    expect((await put(`${sha256Of(document)}?${many}`)).status).toBe(414);
    expect((await put("one?tag=two")).status).toBe(400);
    expect((await put(`${sha256Of(document)}?tag=.bad`)).status).toBe(400);
  });
});
