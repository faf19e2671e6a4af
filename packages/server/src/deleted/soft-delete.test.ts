import { createImageIndex, type Descriptor, ociMediaTypes, parseDigest, sha256Of, sluiceMediaTypes } from "@sluice/oci";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventOutbox } from "../events/event-outbox.js";
import { collectGarbage } from "../garbage/collect-garbage.js";
import { openFiles, type Stores } from "../open-stores.js";
import { removeManifest, storeManifest } from "../registry/change-manifests.js";
import { describeManifest } from "../registry/manifest-description.js";
import { parseManifestReference, parseTag } from "../registry/manifest-reference.js";
import { parseRepositoryName } from "../registry/repository-name.js";
import { errorOf, startTestServer, type TestServer } from "../testing/test-server.js";
import { DeletedImages } from "./deleted-images.js";
import { purgeDeleted } from "./purge.js";
import { restoreManifest } from "./restore-manifest.js";

interface Deleted {
  readonly digest: string;
  readonly tags?: readonly string[];
  readonly tag?: string;
  readonly [name: string]: unknown;
}

describe("soft delete", () => {
  let registry: TestServer;
  beforeEach(async () => {
    registry = await startTestServer();
    await policy({ status: "enabled", days: 3 });
  });
  afterEach(() => registry[Symbol.asyncDispose]());

  const api = (method: string, path: string, body?: object): Promise<Response> =>
    registry.send(method, `/api/v1${path}`, {
      ...(body && { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
  const policy = (change: object) => api("PATCH", "/settings/soft-delete", change);
  const restore = (body: object) => api("POST", "/restorations", { repository: "app", ...body });
  const remove = (reference: string) => registry.send("DELETE", `/v2/app/manifests/${reference}`);
  const statusOf = async (reference: string) => (await registry.send("GET", `/v2/app/manifests/${reference}`)).status;
  const deleted = async (what: "manifests" | "tags"): Promise<readonly Deleted[]> => {
    const answer = (await (await api("GET", `/deleted-${what}?repository=app`)).json()) as Record<string, Deleted[]>;
    return answer[what] ?? [];
  };
  /** A referrer of the type of streaming artifacts. */
  const pushArtifact = async (subject: Descriptor): Promise<string> => {
    const layer = await registry.pushBlob("app", "streaming");
    const config = await registry.pushBlob("app", "{}");
    const document = {
      ...{ schemaVersion: 2, mediaType: ociMediaTypes.manifest, artifactType: sluiceMediaTypes.artifact, subject },
      config: { mediaType: ociMediaTypes.config, digest: config, size: 2 },
      layers: [{ mediaType: ociMediaTypes.layer, digest: layer, size: 9 }],
    };
    const response = await registry.pushManifest("app", sha256Of(JSON.stringify(document)), document);
    expect(response.status).toBe(201);
    return sha256Of(JSON.stringify(document));
  };
  /** With the registry stopped. */
  const inStores = async <T>(work: (stores: Stores) => Promise<T>): Promise<T> => {
    await registry.server.close();
    const stores = await openFiles(registry.root);
    try {
      return await work(stores);
    } finally {
      await stores[Symbol.asyncDispose]();
      await registry.restart();
    }
  };
  const collect = ({ metadata, blobs }: Stores) => collectGarbage(metadata, blobs, { graceMs: -1000, dryRun: false });

  it("deletes an original with its streaming artifact, and lists and restores the original alone (AS41, AS42)", async () => {
    const image = await registry.pushImage("app", "1", "content");
    const artifact = await pushArtifact(image);
    expect((await remove(image.digest)).status).toBe(202);
    expect([await statusOf("1"), await statusOf(image.digest), await statusOf(artifact)]).toEqual([404, 404, 404]);
    expect(await deleted("manifests")).toEqual([
      {
        ...{ digest: image.digest, mediaType: image.mediaType, sizeBytes: image.size, tags: ["1"], deletedBy: "" },
        ...{ deletedAt: expect.any(String), expiresAt: expect.any(String) },
      },
    ]);
    const [only] = await deleted("manifests");
    expect(Date.parse(String(only?.["expiresAt"])) - Date.parse(String(only?.["deletedAt"]))).toBe(3 * 86_400_000);
    expect((await restore({ tag: "1" })).status).toBe(200);
    expect([await statusOf("1"), await statusOf(artifact)]).toEqual([200, 404]);
    expect([await deleted("manifests"), await deleted("tags")]).toEqual([[], []]);
  });

  it("restores one tag, not those beside it; these can follow", async () => {
    const { digest } = await registry.pushImage("app", "1", "content");
    const bytes = new Uint8Array(await (await registry.send("GET", "/v2/app/manifests/1")).arrayBuffer());
    await registry.pushManifest("app", "2", bytes);
    await remove(digest);
    expect((await deleted("tags")).map(({ tag }) => tag)).toEqual(["1", "2"]);
    await restore({ tag: "2", digest });
    expect([await statusOf("1"), await statusOf("2")]).toEqual([404, 200]);
    await restore({ tag: "1" });
    expect(await statusOf("1")).toBe(200);
  });

  it("puts back a tag that was deleted alone, and one that moved only with --force", async () => {
    const first = await registry.pushImage("app", "1", "first");
    await remove("1");
    expect([await statusOf("1"), await statusOf(first.digest)]).toEqual([404, 200]);
    const second = await registry.pushImage("app", "1", "second");
    const refused = await errorOf(await restore({ tag: "1" }));
    expect([refused.status, refused.message]).toEqual([409, expect.stringContaining("--force")]);
    expect((await restore({ tag: "1", force: true })).status).toBe(200);
    const now = await registry.send("GET", "/v2/app/manifests/1");
    expect(now.headers.get("docker-content-digest")).toBe(first.digest);
    expect(await deleted("tags")).toMatchObject([{ tag: "1", digest: second.digest }]);
  });

  it("refuses a push of what can be restored, with the advice to restore it", async () => {
    const image = await registry.pushImage("app", "1", "content");
    const bytes = new Uint8Array(await (await registry.send("GET", "/v2/app/manifests/1")).arrayBuffer());
    await remove(image.digest);
    const refused = await errorOf(await registry.pushManifest("app", "1", bytes));
    expect([refused.status, refused.message]).toEqual([409, expect.stringContaining("manifest restore -n app:1")]);
    expect((await restore({ digest: image.digest })).status).toBe(200);
    expect((await registry.pushManifest("app", "1", bytes)).status).toBe(201);
  });

  it("restores a subject before what refers to it, and children before their index", async () => {
    const image = await registry.pushImage("app", "1", "content");
    const signature = await registry.pushImage("app", "sig", "signature", image);
    const { bytes, digest: index, mediaType } = createImageIndex([image]);
    await registry.pushManifest("app", "all", bytes, mediaType);
    for (const digest of [index, signature.digest, image.digest]) await remove(digest);
    const advice = async (body: object) => (await errorOf(await restore(body))).message;
    expect(await advice({ tag: "sig" })).toMatch(`refers to ${image.digest}, which is deleted: restore that first`);
    expect(await advice({ tag: "all" })).toMatch(`needs ${image.digest}: restore these first`);
    for (const tag of ["1", "sig", "all"]) expect((await restore({ tag })).status).toBe(200);
    const referrers = (await (await registry.send("GET", `/v2/app/referrers/${image.digest}`)).json()) as object;
    expect(referrers).toMatchObject({ manifests: [{ digest: signature.digest }] });
  });

  it("keeps the bytes of what can be restored from a collection, until they are purged", async () => {
    const image = await registry.pushImage("app", "1", "content");
    await remove(image.digest);
    await inStores(collect);
    expect((await restore({ tag: "1" })).status).toBe(200);
    expect(await (await registry.send("GET", `/v2/app/blobs/${sha256Of("content")}`)).text()).toBe("content");
    await remove(image.digest);
    const repository = parseRepositoryName("app");
    await inStores(async (stores) => {
      const { records } = stores.metadata;
      const images = new DeletedImages(records);
      expect(await purgeDeleted(stores.metadata, images)).toBe(0);
      const [record] = await records.list<object>(`deleted-manifest/${repository}`, { limit: 1 });
      const old = { ...record?.document, deletedAt: new Date(Date.now() - 4 * 86_400_000).toISOString() };
      await records.put(`deleted-manifest/${repository}`, record?.key ?? "", old);
      expect(await purgeDeleted(stores.metadata, images)).toBe(1);
      expect((await collect(stores)).removedBlobs).toBe(2);
    });
    expect((await errorOf(await restore({ digest: image.digest }))).status).toBe(404);
    expect(await deleted("manifests")).toEqual([]);
  });

  it("keeps a whole repository that is deleted, its originals alone", async () => {
    const image = await registry.pushImage("app", "1", "content");
    await pushArtifact(image);
    await registry.pushImage("app", "2", "more");
    expect((await api("DELETE", "/repository?name=app")).status).toBe(200);
    expect((await deleted("manifests")).map(({ tags }) => tags).sort()).toEqual([["1"], ["2"]]);
    const repositories = await (await api("GET", "/deleted-repositories")).json();
    expect(repositories).toEqual({ repositories: ["app"] });
    for (const tag of ["1", "2"]) expect((await restore({ tag })).status).toBe(200);
  });

  describe("while somebody else changes the same image", () => {
    const app = parseRepositoryName("app");
    const origin = { caller: "", via: "push" } as const;
    /** Lets `meanwhile` happen right before the store is asked. */
    const beforePut = ({ metadata }: Stores, meanwhile: () => Promise<unknown>) => {
      const original = metadata.putManifest.bind(metadata);
      vi.spyOn(metadata, "putManifest").mockImplementationOnce(async (...args) => {
        await meanwhile();
        return await original(...args);
      });
    };
    const beforeRelease = ({ metadata }: Stores, meanwhile: () => Promise<unknown>) => {
      const original = metadata.releaseBlobs.bind(metadata);
      vi.spyOn(metadata, "releaseBlobs").mockImplementationOnce(async (...args) => {
        await meanwhile();
        await original(...args);
      });
    };
    const placesOf = ({ metadata }: Stores) => ({
      metadata,
      deleted: new DeletedImages(metadata.records),
      events: new EventOutbox(metadata.records, pino({ level: "silent" })),
    });

    it("moves no tag without --force that came to another image during a restore", async () => {
      const [first, second] = [
        await registry.pushImage("app", "1", "first"),
        await registry.pushImage("app", "2", "2"),
      ];
      await remove(first.digest);
      await inStores(async (stores) => {
        const places = placesOf(stores);
        const other = await stores.metadata.manifest(app, parseDigest(second.digest, "test"));
        const described = describeManifest(
          other?.bytes ?? Buffer.alloc(0),
          second.mediaType,
          parseManifestReference("1"),
        );
        beforePut(stores, () => storeManifest(places, app, described, [parseTag("1")], origin));
        const wish = { repository: app, tag: parseTag("1"), digest: undefined, force: false };
        await expect(restoreManifest(places, wish, origin)).rejects.toMatchObject({ status: 409 });
        expect(await stores.metadata.resolveTag(app, parseTag("1"))).toBe(second.digest);
        expect(await places.deleted.find(app, parseDigest(first.digest, "test"))).toBeDefined();
      });
    });

    it("offers no restore of what a push has brought back, or a deletion for good has removed", async () => {
      const image = await registry.pushImage("app", "1", "content");
      const digest = parseDigest(image.digest, "test");
      await inStores(async (stores) => {
        const places = placesOf(stores);
        const { bytes, mediaType } = (await stores.metadata.manifest(app, digest)) ?? {};
        const described = describeManifest(bytes ?? Buffer.alloc(0), mediaType, parseManifestReference("1"));
        beforePut(stores, () => removeManifest(places, app, digest, origin));
        await storeManifest(places, app, described, [parseTag("1")], origin);
        expect([
          await places.deleted.find(app, digest),
          (await stores.metadata.manifest(app, digest))?.mediaType,
        ]).toEqual([undefined, image.mediaType]);
        // As an older program left it that died in the middle of a restore.
        const left = places.deleted.recordsOf(
          app,
          { bytes: described.bytes, mediaType: described.mediaType },
          {
            ...{ digest, tags: [], deletedBy: "" },
          },
        );
        await stores.metadata.writeRecords(app, left);
      });
      await policy({ status: "disabled" });
      expect((await remove(image.digest)).status).toBe(202);
      expect(await deleted("manifests")).toEqual([]);
    });

    it("purges nothing that was restored and deleted again meanwhile, neither its bytes", async () => {
      const image = await registry.pushImage("app", "1", "content");
      const digest = parseDigest(image.digest, "test");
      await remove(image.digest);
      await inStores(async (stores) => {
        const places = placesOf(stores);
        const { records } = stores.metadata;
        const [record] = await records.list<object>("deleted-manifest/app", { limit: 1 });
        const old = { ...record?.document, deletedAt: new Date(Date.now() - 4 * 86_400_000).toISOString() };
        await records.put("deleted-manifest/app", digest, old);
        beforeRelease(stores, async () => {
          await restoreManifest(places, { repository: app, tag: undefined, digest, force: false }, origin);
          await removeManifest(places, app, digest, origin);
        });
        expect(await purgeDeleted(stores.metadata, places.deleted)).toBe(0);
        expect((await collect(stores)).removedBlobs).toBe(0);
      });
      expect((await restore({ digest: image.digest })).status).toBe(200);
    });
  });

  it("is off at first, and off again when told: what goes then is gone", async () => {
    await policy({ status: "disabled" });
    expect(await (await api("GET", "/settings/soft-delete")).json()).toEqual({ status: "disabled", days: 3 });
    const image = await registry.pushImage("app", "1", "content");
    const artifact = await pushArtifact(image);
    await remove(image.digest);
    expect([await deleted("manifests"), await statusOf(artifact)]).toEqual([[], 404]);
    expect((await policy({ days: 91 })).status).toBe(400);
    await using other = await startTestServer();
    const atFirst = await (await other.send("GET", "/api/v1/settings/soft-delete")).json();
    expect(atFirst).toEqual({ status: "disabled", days: 7 });
  });
});
