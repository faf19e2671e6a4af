import { randomUUID } from "node:crypto";
import { anonymous, RegistryClient, sha256Of } from "@sluice/oci";
import type { WorkerOptions } from "@sluice/server";
import { missingPostgres, startPostgres, type TestPostgres } from "@sluice/server/testing";
import { S3BlobStore, S3Bucket, S3UploadStore } from "@sluice/store/s3";
import {
  blobStoreSuite,
  missingObjectStorage,
  type ObjectStorage,
  Pieces,
  seededBytes,
  startObjectStorage,
  uploadStoreSuite,
} from "@sluice/store/testing";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { allCases } from "../conformance/all-cases.js";
import { Target } from "../conformance/target.js";
import { freezeConverting } from "../support/converting-process.js";
import { noiseFile, pushImage, tarOf } from "../support/pushed-image.js";
import { askApi, endOf } from "../support/registry-api.js";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";
import { startQuickWorker, startWorkerProgram } from "../support/worker-process.js";

const missing = [missingObjectStorage, missingPostgres].filter((text) => text !== "").join("; ");

// One file, because the store takes long to start.
describe.skipIf(missing !== "")(`in an S3 bucket ${missing}`, () => {
  let storage: ObjectStorage;
  beforeAll(async () => {
    storage = await startObjectStorage();
    Object.assign(process.env, storage.credentials);
  }, 120_000);
  afterAll(() => storage[Symbol.asyncDispose]());
  const newBucket = (): S3Bucket =>
    new S3Bucket({ bucket: storage.bucket, endpoint: storage.endpoint, prefix: `${randomUUID()}/` });

  blobStoreSuite("S3BlobStore", async () => {
    const bucket = newBucket();
    return {
      store: new S3BlobStore(bucket),
      leftovers: async () => 0,
      [Symbol.asyncDispose]: async () => bucket.close(),
    };
  });

  uploadStoreSuite("S3UploadStore", async () => {
    const bucket = newBucket();
    return {
      uploads: new S3UploadStore(bucket),
      blobs: new S3BlobStore(bucket),
      reopen: async () => new S3UploadStore(bucket),
      [Symbol.asyncDispose]: async () => bucket.close(),
    };
  });

  it("makes one blob of large parts, which the store copies, by a process that has seen none of them", async () => {
    const bucket = newBucket();
    const bytes = seededBytes("large", 20_000_000);
    const id = await new S3UploadStore(bucket).create();
    await new S3UploadStore(bucket).append(id, 0, new Pieces(bytes));
    const { digest } = await new S3UploadStore(bucket).commit(id, { digest: sha256Of(bytes) });
    expect(await new S3BlobStore(bucket).sizeOf(digest)).toBe(bytes.length);
    let at = 0;
    for await (const piece of new S3BlobStore(bucket).read(digest)) {
      expect(Buffer.compare(piece, bytes.subarray(at, at + piece.length))).toBe(0);
      at += piece.length;
    }
    expect(at).toBe(bytes.length);
    for await (const object of bucket.list("uploads/")) expect.unreachable(object.key);
  });

  it("commits on the second try when the store failed the first, without the bytes again", async () => {
    const bucket = newBucket();
    const uploads = new S3UploadStore(bucket);
    const bytes = seededBytes("retried", 100_000);
    const id = await uploads.create();
    await uploads.append(id, 0, new Pieces(bytes));
    vi.spyOn(bucket, "assemble").mockRejectedValueOnce(new Error("the store is away"));
    await expect(uploads.commit(id, { digest: sha256Of(bytes) })).rejects.toThrow("the store is away");
    await uploads.commit(id, { digest: sha256Of(bytes) });
    expect(await new S3BlobStore(bucket).sizeOf(sha256Of(bytes))).toBe(bytes.length);
  });

  it("lists an upload whose end was cut short, so that its parts can be removed", async () => {
    const bucket = newBucket();
    const uploads = new S3UploadStore(bucket);
    const id = await uploads.create();
    await uploads.append(id, 0, new Pieces(Buffer.from("left behind")));
    await bucket.delete(`uploads/${id}/begun`); // the first step of its end
    await expect(uploads.status(id)).rejects.toMatchObject({ code: "UPLOAD_UNKNOWN" });
    for await (const listed of uploads.list()) await uploads.abort(listed.id);
    for await (const object of bucket.list("uploads/")) expect.unreachable(object.key);
  });

  it("lets one of two processes that append at the same place have it", async () => {
    const bucket = newBucket();
    const id = await new S3UploadStore(bucket).create();
    const both = await Promise.allSettled(
      ["one", "two"].map((text) => new S3UploadStore(bucket).append(id, 0, new Pieces(Buffer.from(text)))),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect((await new S3UploadStore(bucket).status(id)).sizeBytes).toBe(3);
  });

  describe("two registries on one bucket and one PostgreSQL, asked in turn:", () => {
    let postgres: TestPostgres;
    let registries: readonly RunningRegistry[];
    let target: Target;
    let configuration: { readonly storage: WorkerOptions["shared"]; readonly conversions: number };
    beforeAll(async () => {
      postgres = await startPostgres();
      const { bucket, endpoint, credentials } = storage;
      const shared = { postgres: await postgres.newDatabase(), s3: { bucket, endpoint, prefix: "registry/" } };
      configuration = { storage: shared, conversions: 0 };
      registries = await Promise.all([1, 2].map(() => startRegistry(configuration, { ...credentials })));
      target = new Target({
        rootUrl: registries.map(({ host }) => `http://${host}`),
        namespace: "conformance/one",
        crossmountNamespace: "conformance/two",
        credentials: undefined,
      });
    });
    afterAll(async () => {
      for (const registry of registries) await registry[Symbol.asyncDispose]();
      await postgres[Symbol.asyncDispose]();
    });

    it.each(allCases.map((one) => [one.name, one] as const))("they %s", async (_name, { run }) => {
      await run(target);
    });

    it("they keep what was pushed when one of them is killed, and have it in common", async () => {
      const [one, two] = registries;
      const digest = sha256Of("kept by both");
      const path = `v2/killed/blobs/uploads/?digest=${digest}`;
      expect((await fetch(`http://${one?.host}/${path}`, { method: "POST", body: "kept by both" })).status).toBe(201);
      await one?.stop("SIGKILL");
      expect(await (await fetch(`http://${two?.host}/v2/killed/blobs/${digest}`)).text()).toBe("kept by both");
      await one?.restart();
    });

    it("one that redirects sends those who read blobs to the bucket, for ranges too, and nobody else", async () => {
      const sharing = { ...configuration, storage: { ...configuration.storage, redirects: true } };
      await using third = await startRegistry(sharing, { ...storage.credentials });
      const digest = sha256Of("in the bucket");
      const push = `http://${third.host}/v2/redirected/blobs/uploads/?digest=${digest}`;
      expect((await fetch(push, { method: "POST", body: "in the bucket" })).status).toBe(201);
      const url = `http://${third.host}/v2/redirected/blobs/${digest}`;
      const sent = await fetch(url, { redirect: "manual" });
      expect([sent.status, sent.headers.get("location")]).toEqual([307, expect.stringContaining(storage.endpoint)]);
      expect((await fetch(url, { method: "HEAD", redirect: "manual" })).status).toBe(200);
      expect(await (await fetch(url)).text()).toBe("in the bucket");
      const here = await fetch(url, { headers: { "sluice-redirect": "never" }, redirect: "manual" });
      expect([here.status, await here.text()]).toEqual([200, "in the bucket"]);
      const part = await fetch(url, { headers: { range: "bytes=3-5" } });
      expect([part.status, await part.text()]).toEqual([206, "the"]);
      expect((await fetch(url.replace(digest, sha256Of("none")), { redirect: "manual" })).status).toBe(404);
    });

    it("they have images converted by workers, of which each takes up what another one died over", async () => {
      const [one, two] = registries.map(({ host }) => host);
      if (one === undefined || two === undefined) throw new Error("two were started");
      await using client = new RegistryClient({ credentials: anonymous });
      const { digest } = await pushImage(client.repository(one, "shared"), [await tarOf([noiseFile("a", 8_000_000)])], {
        tag: "1",
      });
      const wish = { repository: "shared", reference: "1" };
      const asked = await Promise.all([one, two].map((host) => askApi(host, "POST", "/operations", wish)));
      const [id, ...others] = new Set(asked.map(({ body }) => body.id));
      expect(others).toEqual([]);
      await using dying = await startWorkerProgram(`${registries[0]?.root}/sluice.yaml`);
      const converting = await freezeConverting(dying.pid);
      for (const pid of [dying.pid, converting ?? 0]) process.kill(pid, "SIGKILL");
      await using _living = await startQuickWorker(configuration.storage);
      await using _other = await startQuickWorker(configuration.storage);
      const ended = await endOf(two, id);
      expect(ended).toMatchObject({ status: "Succeeded", digest });
      for (const host of [one, two]) {
        const artifacts = await client.repository(host, "shared").referrers(digest);
        expect(artifacts.map((artifact) => artifact.digest)).toEqual([ended.artifactDigest]);
      }
    });
  });
});
