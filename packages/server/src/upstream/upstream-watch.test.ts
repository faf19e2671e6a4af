import {
  createImageManifest,
  type Digest,
  emptyDescriptor,
  ociMediaTypes,
  sha256Of,
  sluiceMediaTypes,
} from "@sluice/oci";
import { type MemoryRepository, TestRegistry } from "@sluice/oci/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { errorOf, startTestServer, type TestServer } from "../testing/test-server.js";
import { parseUpstreams } from "./upstream.js";

const json = { "content-type": "application/json" };
/** distribution's own name of JSON. */
const events = { "content-type": "application/vnd.docker.distribution.events.v2+json" };
const never = 24 * 60 * 60 * 1000;

describe("images of another registry", () => {
  let there: TestRegistry;
  let registry: TestServer;
  const start = async (upstreamPollMs: number): Promise<void> => {
    const upstreams = parseUpstreams([`hub=${there.host}/team`]);
    registry = await startTestServer({ upstreams, upstreamPollMs, conversions: { concurrency: 0 } });
  };
  beforeEach(async () => {
    there = await TestRegistry.start();
  });
  afterEach(async () => {
    await registry[Symbol.asyncDispose]();
    await there.close();
  });

  const held = (): MemoryRepository => there.store.repository("team/app");
  const push = (tag: string, layer = tag, architecture = "amd64"): Digest => {
    const config = Buffer.from(
      JSON.stringify({ os: "linux", architecture, rootfs: { type: "layers", diff_ids: [sha256Of(layer)] } }),
    );
    const bytes = Buffer.from(layer);
    const { bytes: manifest } = createImageManifest({
      config: { mediaType: ociMediaTypes.config, digest: held().putBlob(config), size: config.length },
      layers: [{ mediaType: ociMediaTypes.layer, digest: held().putBlob(bytes), size: bytes.length }],
    });
    return held().putManifest(manifest, undefined, tag).digest;
  };
  const api = async (method: string, path: string, body?: object, headers: typeof json = json) => {
    const answer = await registry.send(method, `/api/v1${path}`, {
      ...(body !== undefined && { headers, body: JSON.stringify(body) }),
    });
    return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
  };
  const activate = (streaming = "Active") => api("PATCH", "/repository?name=hub/app", { streaming });
  const queued = async (): Promise<readonly unknown[]> => {
    const { operations } = (await api("GET", "/operations?repository=hub/app")).body;
    return (operations as { digest: string }[]).map(({ digest }) => digest).sort();
  };
  const notify = (repository = "team/app") =>
    api("POST", "/upstreams/hub/notifications", { events: [{ action: "push", target: { repository } }] }, events);
  const looked = async (): Promise<void> => {
    const before = there.requestsMatching(/tags\/list/).length;
    await notify();
    await vi.waitFor(() => expect(there.requestsMatching(/tags\/list/).length).toBeGreaterThan(before));
  };

  it("are converted when they come into an active repository, and not those that were there (AS17, AS19)", async () => {
    push("old");
    await start(50);
    expect((await activate()).body).toMatchObject({ streaming: "Active", upstream: `${there.host}/team/app` });
    held().tags.set("again", push("old"));
    const image = push("new");
    await vi.waitFor(async () => expect(await queued()).toEqual([image]), { timeout: 20_000 });
    const [operation] = (await api("GET", "/operations?repository=hub/app")).body["operations"] as object[];
    expect(operation).toMatchObject({ tag: "new", cause: "push", status: "NotStarted" });
    expect((await registry.send("GET", "/v2/_catalog").then((answer) => answer.json())) as object).toEqual({
      repositories: ["hub/app"],
    });
  });

  it("are converted once, however often they are looked at, and whatever became of it", async () => {
    await start(never);
    await activate();
    const image = push("1");
    await looked();
    await vi.waitFor(async () => expect(await queued()).toEqual([image]), { timeout: 20_000 });
    const [operation] = (await api("GET", "/operations?repository=hub/app")).body["operations"] as { id: string }[];
    await api("POST", `/operations/${operation?.id}/cancel`);
    await registry.restart();
    const other = push("2");
    held().tags.set("3", image);
    await looked();
    await vi.waitFor(async () => expect(await queued()).toEqual([image, other].sort()), { timeout: 20_000 });
  });

  it("that came while streaming was off are passed over when it is turned on again (AS22)", async () => {
    await start(never);
    await activate();
    await activate("Inactive");
    push("between");
    expect((await notify()).status).toBe(202);
    await activate();
    const image = push("after");
    await looked();
    await vi.waitFor(async () => expect(await queued()).toEqual([image]), { timeout: 20_000 });
  });

  it("are looked for at once when the other registry tells of a push, in the repositories that are its own", async () => {
    await start(never);
    await activate();
    const image = push("1");
    expect(await notify()).toEqual({ status: 202, body: { repositories: ["hub/app"] } });
    await vi.waitFor(async () => expect(await queued()).toEqual([image]), { timeout: 20_000 });
    expect((await notify("elsewhere/app")).body).toEqual({ repositories: [] });
    expect((await api("POST", "/upstreams/hub/notifications", { x: 1 })).status).toBe(400);
    expect((await api("POST", "/upstreams/other/notifications", { events: [] })).status).toBe(404);
  });

  it("that cannot be converted are skipped, and say why (AS20); what is no image is not spoken of", async () => {
    await start(never);
    await activate();
    const arm = push("arm", "arm", "arm64");
    const subject = { mediaType: ociMediaTypes.manifest, digest: arm, size: 1 };
    const artifactType = sluiceMediaTypes.artifact;
    const attached = createImageManifest({ artifactType, subject, config: emptyDescriptor, layers: [emptyDescriptor] });
    held().putManifest(attached.bytes, undefined, "attached");
    held().tags.set(`sha256-${"0".repeat(64)}`, arm);
    await looked();
    await vi.waitFor(
      async () =>
        expect((await api("GET", "/repository?name=hub/app")).body["skipped"]).toMatchObject([
          { digest: arm, tag: "arm", code: "UNSUPPORTED_PLATFORM" },
        ]),
      { timeout: 20_000 },
    );
    expect(await queued()).toEqual([]);
  });

  it("are looked for again when the other registry was away, which the repository tells meanwhile", async () => {
    await start(50);
    await activate();
    const problem = async () => (await api("GET", "/repository?name=hub/app")).body["upstreamProblem"];
    const fault = { kind: "status", status: 500 } as const;
    const isAway = { isAway: true };
    there.faults.add({ fault, when: () => isAway.isAway });
    const image = push("1");
    await vi.waitFor(async () => expect(await problem()).toContain(`upstream ${there.host}`), { timeout: 30_000 });
    expect((await api("PATCH", "/repository?name=hub/other", { streaming: "Active" })).status).toBe(502);
    isAway.isAway = false;
    await vi.waitFor(async () => expect(await queued()).toEqual([image]), { timeout: 30_000 });
    await vi.waitFor(async () => expect(await problem()).toBeUndefined(), { timeout: 30_000 });
  });

  it("show their documents to who manages them, and take nothing but the deletion of streaming artifacts", async () => {
    await start(never);
    const image = push("1");
    const artifactType = sluiceMediaTypes.artifact;
    const subject = { mediaType: ociMediaTypes.manifest, digest: image, size: 1 };
    const artifact = createImageManifest({ artifactType, subject, config: emptyDescriptor, layers: [emptyDescriptor] });
    held().putManifest(artifact.bytes, undefined, undefined);
    const get = async (path: string) => await registry.send("GET", `/v2/hub/app/${path}`);
    expect(await (await get("tags/list")).json()).toEqual({ name: "hub/app", tags: ["1"] });
    const manifest = await get("manifests/1");
    expect(manifest.headers.get("docker-content-digest")).toBe(image);
    const { config } = (await manifest.json()) as { config: { digest: string } };
    expect(await (await get(`blobs/${config.digest}`)).json()).toMatchObject({ architecture: "amd64" });
    const listed = (await (await get(`referrers/${image}`)).json()) as { manifests: { digest: string }[] };
    expect(listed.manifests.map(({ digest }) => digest)).toEqual([artifact.digest]);
    expect((await get("manifests/none")).status).toBe(404);
    const refused = async (method: string, path: string): Promise<string> =>
      (await errorOf(await registry.send(method, `/v2/hub/app/${path}`))).message;
    expect(await refused("POST", "blobs/uploads/")).toContain(`only shows ${there.host}/team/app`);
    expect(await refused("PUT", "manifests/2")).toContain("push, pull and delete there");
    expect(await refused("DELETE", `manifests/${image}`)).toContain("only streaming artifacts are deleted here");
    const imported = { source: `${there.host}/team/app:1`, repository: "hub/app", tag: "2" };
    expect((await api("POST", "/imports", imported)).status).toBe(405);
    expect((await registry.send("DELETE", `/v2/hub/app/manifests/${artifact.digest}`)).status).toBe(202);
    expect(held().manifests.has(artifact.digest)).toBe(false);
    expect(held().tags.get("1")).toBe(image);
  });

  it("stand under a name that holds nothing of the registry's own", async () => {
    registry = await startTestServer();
    await registry.pushImage("hub/mine", "1", "content");
    const upstreams = parseUpstreams([`hub=${there.host}`]);
    const { root } = registry;
    await registry.server.close();
    await expect(startTestServer({ root, upstreams })).rejects.toThrow("this registry itself holds hub/mine");
  });
});
