import { rm } from "node:fs/promises";
import { join } from "node:path";
import { createImageIndex, dockerMediaTypes, maxManifestBytes, ociMediaTypes, sha256Of } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { errorOf, startTestServer, type TestServer } from "../testing/test-server.js";

describe("a manifest", () => {
  let registry: TestServer;
  beforeAll(async () => {
    registry = await startTestServer();
  });
  afterAll(() => registry[Symbol.asyncDispose]());

  it("comes back by tag and by digest, byte for byte, under its media type", async () => {
    const { digest, size } = await registry.pushImage("team/app", "1.0", "content");
    for (const reference of ["1.0", digest]) {
      for (const method of ["GET", "HEAD"]) {
        const response = await registry.send(method, `/v2/team/app/manifests/${reference}`);
        expect(response.status).toBe(200);
        expect(Object.fromEntries(response.headers)).toMatchObject({
          "content-length": String(size),
          "content-type": ociMediaTypes.manifest,
          "docker-content-digest": digest,
        });
        const body = Buffer.from(await response.arrayBuffer());
        expect(method === "HEAD" ? body.byteLength : sha256Of(body)).toBe(method === "HEAD" ? 0 : digest);
      }
    }
  });

  it("is not sent again to whoever has it", async () => {
    const { digest } = await registry.pushImage("team/app", "1.1", "seen");
    const response = await registry.send("GET", "/v2/team/app/manifests/1.1", {
      headers: { "if-none-match": `"${digest}"` },
    });
    expect([response.status, response.headers.get("docker-content-digest")]).toEqual([304, digest]);
  });

  it("answers a push with its place and digest", async () => {
    const config = await registry.pushBlob("push", "{}");
    const document = {
      schemaVersion: 2,
      mediaType: ociMediaTypes.manifest,
      config: { mediaType: ociMediaTypes.config, digest: config, size: 2 },
      layers: [],
    };
    const digest = sha256Of(JSON.stringify(document));
    for (const reference of ["latest", digest]) {
      const response = await registry.pushManifest("push", reference, document);
      expect([response.status, response.headers.get("location")]).toEqual([201, `/v2/push/manifests/${digest}`]);
      expect(response.headers.get("docker-content-digest")).toBe(digest);
      expect(response.headers.get("oci-subject")).toBeNull();
    }
  });

  it("is refused when it says another size of a blob than that has, without a word of what other repositories hold", async () => {
    const image = (digest: string, size: number) => ({
      schemaVersion: 2,
      mediaType: ociMediaTypes.manifest,
      config: { mediaType: ociMediaTypes.config, digest, size },
      layers: [],
    });
    const config = await registry.pushBlob("sizes", "{}");
    await registry.pushBlob("elsewhere", "secret");
    const refused = async (document: object) => await errorOf(await registry.pushManifest("sizes", "1", document));
    const [wrong, foreign] = [await refused(image(config, 2 ** 52)), await refused(image(sha256Of("secret"), 3))];
    expect(wrong).toMatchObject({ status: 400, code: "MANIFEST_INVALID", message: expect.stringContaining(config) });
    expect(foreign).toMatchObject({ status: 400, code: "MANIFEST_BLOB_UNKNOWN" });
    await rm(join(registry.root, `registry/blobs/sha256/${config.slice(7, 9)}/${config.slice(7)}`));
    expect(await refused(image(config, 2))).toMatchObject({
      code: "MANIFEST_BLOB_UNKNOWN",
      message: expect.stringContaining("lost"),
    });
  });

  it("keeps Docker's media types", async () => {
    const config = await registry.pushBlob("docker", "{}");
    const document = {
      schemaVersion: 2,
      mediaType: dockerMediaTypes.manifest,
      config: { mediaType: dockerMediaTypes.config, digest: config, size: 2 },
      layers: [],
    };
    expect((await registry.pushManifest("docker", "latest", document, dockerMediaTypes.manifest)).status).toBe(201);
    const response = await registry.send("HEAD", "/v2/docker/manifests/latest");
    expect(response.headers.get("content-type")).toBe(dockerMediaTypes.manifest);
  });

  it("needs its blobs in the same repository", async () => {
    const layer = await registry.pushBlob("elsewhere", "layer");
    const config = await registry.pushBlob("needs", "{}");
    const document = {
      schemaVersion: 2,
      mediaType: ociMediaTypes.manifest,
      config: { mediaType: ociMediaTypes.config, digest: config, size: 2 },
      layers: [{ mediaType: ociMediaTypes.layer, digest: layer, size: 5 }],
    };
    const refused = await registry.pushManifest("needs", "latest", document);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      errors: [{ code: "MANIFEST_BLOB_UNKNOWN", detail: { digests: [layer] } }],
    });
    expect((await registry.send("HEAD", "/v2/needs/manifests/latest")).status).toBe(404);
    await registry.pushBlob("needs", "layer");
    expect((await registry.pushManifest("needs", "latest", document)).status).toBe(201);
  });

  it("does not need layers that lie elsewhere by their maker's wish", async () => {
    const config = await registry.pushBlob("foreign", "{}");
    const foreign = {
      mediaType: dockerMediaTypes.foreignLayer,
      digest: sha256Of("absent"),
      size: 6,
      urls: ["https://x.example/l"],
    };
    const document = {
      schemaVersion: 2,
      mediaType: dockerMediaTypes.manifest,
      config: { mediaType: dockerMediaTypes.config, digest: config, size: 2 },
      layers: [foreign],
    };
    expect((await registry.pushManifest("foreign", "latest", document, dockerMediaTypes.manifest)).status).toBe(201);
  });

  it("of several needs each of them", async () => {
    const child = await registry.pushImage("multi", "amd64", "child");
    const good = createImageIndex([child]);
    expect((await registry.pushManifest("multi", "latest", good.bytes, ociMediaTypes.index)).status).toBe(201);
    const bad = createImageIndex([child, { mediaType: ociMediaTypes.manifest, digest: sha256Of("absent"), size: 6 }]);
    const refused = await registry.pushManifest("multi", "latest", bad.bytes, ociMediaTypes.index);
    expect((await errorOf(refused)).code).toBe("MANIFEST_BLOB_UNKNOWN");
    const response = await registry.send("GET", "/v2/multi/manifests/latest");
    expect(response.headers.get("docker-content-digest")).toBe(good.digest);
  });

  it("of several is refused when it says another size of one than that has", async () => {
    const child = await registry.pushImage("multi-sizes", "amd64", "child");
    const lying = createImageIndex([{ ...child, size: child.size + 1 }]);
    const refused = await errorOf(await registry.pushManifest("multi-sizes", "1", lying.bytes, ociMediaTypes.index));
    expect(refused).toMatchObject({ status: 400, code: "MANIFEST_INVALID" });
    expect(refused.message).toContain(`manifest ${child.digest} has ${child.size + 1} bytes; it has ${child.size}`);
    expect((await registry.send("HEAD", "/v2/multi-sizes/manifests/1")).status).toBe(404);
  });

  it.each([
    ["is not JSON", Buffer.from("<html>"), ociMediaTypes.manifest, 400, "MANIFEST_INVALID"],
    ["is of schema 1", { schemaVersion: 1 }, dockerMediaTypes.schema1, 400, "MANIFEST_INVALID"],
    [
      "calls itself something else",
      { schemaVersion: 2, mediaType: ociMediaTypes.index, manifests: [] },
      ociMediaTypes.manifest,
      400,
      "MANIFEST_INVALID",
    ],
    [
      "could be read two ways",
      { schemaVersion: 2, manifests: [], layers: [] },
      ociMediaTypes.manifest,
      400,
      "MANIFEST_INVALID",
    ],
    [
      "has a broken digest",
      { schemaVersion: 2, config: { mediaType: "x", digest: "sha256:1", size: 1 }, layers: [] },
      ociMediaTypes.manifest,
      400,
      "MANIFEST_INVALID",
    ],
    ["is too large", Buffer.alloc(maxManifestBytes + 1, 32), ociMediaTypes.manifest, 413, "SIZE_INVALID"],
  ])("is refused when it %s", async (_reason, document, mediaType, status, code) => {
    expect(await errorOf(await registry.pushManifest("bad", "latest", document, mediaType))).toMatchObject({
      status,
      code,
    });
  });

  it("is refused under a digest that is not its own", async () => {
    const config = await registry.pushBlob("misnamed", "{}");
    const document = {
      schemaVersion: 2,
      mediaType: ociMediaTypes.manifest,
      config: { mediaType: ociMediaTypes.config, digest: config, size: 2 },
      layers: [],
    };
    const refused = await registry.pushManifest("misnamed", sha256Of("other"), document);
    expect(await errorOf(refused)).toMatchObject({ status: 400, code: "DIGEST_INVALID" });
  });

  it("is unknown in a repository that is there, and so is a repository that is not", async () => {
    await registry.pushBlob("there", "x");
    expect(await errorOf(await registry.send("GET", "/v2/there/manifests/none"))).toMatchObject({
      status: 404,
      code: "MANIFEST_UNKNOWN",
    });
    expect(await errorOf(await registry.send("GET", "/v2/nowhere/manifests/none"))).toMatchObject({
      status: 404,
      code: "NAME_UNKNOWN",
    });
  });

  it("stays when a tag of it is deleted, and takes its tags with it when it goes", async () => {
    const { digest } = await registry.pushImage("del", "a", "content");
    await registry.pushImage("del", "b", "content");
    const other = await registry.pushImage("del", "c", "other");
    const at = (reference: string, method = "HEAD") => registry.send(method, `/v2/del/manifests/${reference}`);
    expect((await at("a", "DELETE")).status).toBe(202);
    expect((await at("a", "DELETE")).status).toBe(404);
    expect([(await at("a")).status, (await at("b")).status, (await at(digest)).status]).toEqual([404, 200, 200]);
    expect((await at(digest, "DELETE")).status).toBe(202);
    expect((await at(digest, "DELETE")).status).toBe(404);
    expect([(await at("b")).status, (await at(digest)).status]).toEqual([404, 404]);
    expect([(await at("c")).status, (await at(other.digest)).status]).toEqual([200, 200]);
  });

  it("loses a tag that moves on, and keeps nothing of it when it is deleted", async () => {
    const first = await registry.pushImage("moves", "latest", "one");
    const second = await registry.pushImage("moves", "latest", "two");
    await registry.send("DELETE", `/v2/moves/manifests/${first.digest}`);
    const response = await registry.send("HEAD", "/v2/moves/manifests/latest");
    expect(response.headers.get("docker-content-digest")).toBe(second.digest);
  });
});

describe("paths and methods that are not there", () => {
  it("are errors of the registry's kind", async () => {
    await using registry = await startTestServer();
    expect(await errorOf(await registry.send("GET", "/v1/"))).toMatchObject({ status: 404 });
    expect(await errorOf(await registry.send("GET", "/v2/a/nothing"))).toMatchObject({
      status: 404,
      code: "NAME_UNKNOWN",
    });
    const refused = await registry.send("POST", "/v2/a/tags/list");
    expect(refused.headers.get("allow")).toBe("GET");
    expect(await errorOf(refused)).toMatchObject({ status: 405, code: "UNSUPPORTED" });
    const base = await registry.send("GET", "/v2/");
    expect([base.status, base.headers.get("docker-distribution-api-version")]).toEqual([200, "registry/2.0"]);
  });
});
