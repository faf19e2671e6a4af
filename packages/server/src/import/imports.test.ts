import { once } from "node:events";
import { request } from "node:http";
import {
  createImageIndex,
  createImageManifest,
  type Descriptor,
  emptyDescriptor,
  ociMediaTypes,
  sha256Of,
} from "@sluice/oci";
import { type MemoryRepository, TestRegistry } from "@sluice/oci/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { RegistryEvent } from "../events/registry-event.js";
import { startTestServer, type TestServer } from "../testing/test-server.js";

/** The last line of an import's answer, or its error. */
interface Answer {
  readonly status: number;
  readonly state?: string;
  readonly error?: { readonly code: string; readonly message: string };
  readonly [count: string]: unknown;
}

describe("an import", () => {
  let source: TestRegistry;
  let registry: TestServer;
  const heard: RegistryEvent[] = [];
  let whenHeard: ((event: RegistryEvent) => Promise<void>) | undefined;
  const onEvent = async (event: RegistryEvent): Promise<undefined> => {
    heard.push(event);
    await whenHeard?.(event);
  };

  beforeEach(async () => {
    heard.length = 0;
    whenHeard = undefined;
    source = await TestRegistry.start();
    registry = await startTestServer({ onEvent });
  });
  afterEach(async () => {
    await registry[Symbol.asyncDispose]();
    await source.close();
  });

  const held = (of: TestRegistry = source): MemoryRepository => of.store.repository("team/app");
  const pushBlob = (text: string): Descriptor => ({
    mediaType: ociMediaTypes.layer,
    digest: held().putBlob(Buffer.from(text)),
    size: Buffer.byteLength(text),
  });
  const pushDocument = ({ bytes }: { readonly bytes: Uint8Array }, tag?: string): Descriptor => {
    const { digest, mediaType } = held().putManifest(bytes, undefined, tag);
    return { mediaType, digest, size: bytes.byteLength };
  };
  const pushImage = (layers: readonly string[], fields: object = {}, tag?: string): Descriptor => {
    pushBlob("{}");
    return pushDocument(createImageManifest({ config: emptyDescriptor, layers: layers.map(pushBlob), ...fields }), tag);
  };
  const importing = async (body: object): Promise<Answer> => {
    const response = await registry.send("POST", "/api/v1/imports", {
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ source: `${source.host}/team/app:1`, repository: "copy", tag: "1", ...body }),
    });
    const lines = (await response.text()).trim().split("\n");
    const last = JSON.parse(lines.at(-1) ?? "") as Answer & { errors?: Answer["error"][] };
    return { ...last, status: response.status, error: last.errors?.[0] ?? last.error } as Answer;
  };
  const digestOf = async (reference: string): Promise<string | null> =>
    (await registry.send("HEAD", `/v2/copy/manifests/${reference}`)).headers.get("docker-content-digest");
  const referrersOf = async (digest: string): Promise<readonly string[]> => {
    const index = (await (await registry.send("GET", `/v2/copy/referrers/${digest}`)).json()) as {
      manifests: Descriptor[];
    };
    return index.manifests.map((one) => one.digest);
  };
  const blobReads = (): number => source.requestsMatching(/^GET \/v2\/team\/app\/blobs\//).length;

  it("copies an index with its children, and the referrers of each, under their digests, and is told as pushes are", async () => {
    const [amd64, arm64] = [pushImage(["a", "shared"]), pushImage(["b", "shared"])];
    const index = pushDocument(createImageIndex([amd64, arm64]), "1");
    const artifact = pushImage(["streaming"], { subject: arm64, artifactType: "application/x.test" });
    const signature = pushImage(["signature"], { subject: artifact, artifactType: "application/x.sig" });
    const answer = await importing({});
    expect(answer).toMatchObject({ status: 200, state: "done", digest: index.digest, manifests: 5, referrers: 2 });
    expect(await digestOf("1")).toBe(index.digest);
    expect([await digestOf(amd64.digest), await digestOf(arm64.digest)]).toEqual([amd64.digest, arm64.digest]);
    expect(await referrersOf(arm64.digest)).toEqual([artifact.digest]);
    expect(await referrersOf(artifact.digest)).toEqual([signature.digest]);
    expect(await (await registry.send("GET", `/v2/copy/blobs/${sha256Of("streaming")}`)).text()).toBe("streaming");
    const common = { action: "push", via: "import", repository: "copy", isNew: true };
    expect(heard).toHaveLength(5);
    expect(heard.at(-1)).toMatchObject({ ...common, digest: index.digest, tag: "1", mediaType: ociMediaTypes.index });
    for (const event of heard) expect(event).toMatchObject(common);
  });

  it("counts as a push where a repository converts what is pushed (AS18)", async () => {
    await using idle = await startTestServer({ conversions: { concurrency: 0 } });
    const json = { "content-type": "application/json" };
    const body = JSON.stringify({ streaming: "Active" });
    expect((await idle.send("PATCH", "/api/v1/repository?name=copy", { headers: json, body })).status).toBe(200);
    const config = Buffer.from(
      JSON.stringify({ os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [sha256Of("a")] } }),
    );
    const image = pushDocument(
      createImageManifest({
        config: { mediaType: ociMediaTypes.config, digest: held().putBlob(config), size: config.length },
        layers: [pushBlob("a")],
      }),
      "1",
    );
    const imported = await idle.send("POST", "/api/v1/imports", {
      headers: json,
      body: JSON.stringify({ source: `${source.host}/team/app:1`, repository: "copy", tag: "1" }),
    });
    expect(await imported.text()).toContain('"state":"done"');
    const queued = await (await idle.send("GET", "/api/v1/operations?repository=copy")).json();
    expect(queued).toMatchObject({ operations: [{ cause: "import", digest: image.digest, tag: "1" }] });
  });

  it("finds referrers by their fallback tag where the source has no other list", async () => {
    await source.close();
    source = await TestRegistry.start({ referrers: "404" });
    const image = pushImage(["a"], {}, "1");
    const artifact = pushImage(["x"], { subject: image, artifactType: "application/x.test" });
    pushDocument(createImageIndex([artifact]), image.digest.replace(":", "-"));
    expect(await importing({})).toMatchObject({ state: "done", referrers: 1 });
    expect(await referrersOf(image.digest)).toEqual([artifact.digest]);
  });

  it("fetches no blob again that is here, and tells nobody of an image that is", async () => {
    pushImage(["a", "b"], {}, "1");
    expect(await importing({})).toMatchObject({ fetchedBlobs: 3, reusedBlobs: 0, fetchedBytes: 4 });
    const [reads, events] = [blobReads(), heard.length];
    expect(await importing({})).toMatchObject({ state: "done", fetchedBlobs: 0, reusedBlobs: 3, fetchedBytes: 0 });
    expect([blobReads(), heard.length]).toEqual([reads, events]);
  });

  it("goes on where one ended that failed in the middle, and shows nothing before it is whole", async () => {
    pushImage(["good", "bad"], {}, "1");
    const bad = (path: string): boolean => path.endsWith(sha256Of("bad"));
    source.faults.add({ fault: { kind: "wrong-bytes" }, when: ({ path }) => bad(path), times: 1 });
    const failed = await importing({});
    expect([failed.state, failed.error?.code]).toEqual(["failed", "SOURCE_FAILED"]);
    expect((await registry.send("GET", "/v2/copy/manifests/1")).status).toBe(404);
    expect((await registry.send("GET", `/v2/copy/blobs/${sha256Of("bad")}`)).status).toBe(404);
    expect(await importing({})).toMatchObject({ state: "done", manifests: 1 });
    expect(await digestOf("1")).not.toBeNull();
  });

  it("takes no blob from another repository that the source has not shown", async () => {
    await registry.pushBlob("secret", "hidden");
    const layer = { mediaType: ociMediaTypes.layer, digest: sha256Of("hidden"), size: 6 };
    pushBlob("{}");
    const { bytes } = createImageManifest({ config: emptyDescriptor, layers: [layer] });
    pushDocument({ bytes }, "1");
    expect(await importing({})).toMatchObject({ state: "failed", error: { code: "MANIFEST_UNKNOWN" } });
    expect((await registry.send("GET", `/v2/copy/blobs/${layer.digest}`)).status).toBe(404);
  });

  it("moves no tag from another image unless it is told to (--force)", async () => {
    pushImage(["new"], {}, "1");
    await registry.pushImage("copy", "1", "old");
    const refused = await importing({});
    expect([refused.status, refused.error?.message]).toEqual([409, expect.stringContaining("--force")]);
    expect(await importing({ force: true })).toMatchObject({ state: "done" });
  });

  it.each([false, true])("that finds the tag pushed meanwhile moves it if that is wanted alone: %s", async (force) => {
    const child = pushImage(["a"]);
    const index = pushDocument(createImageIndex([child]), "1");
    let pushed = "";
    whenHeard = async ({ digest }) => {
      if (digest === child.digest) pushed = (await registry.pushImage("copy", "1", "mine")).digest;
    };
    const answer = await importing({ force });
    expect(answer).toMatchObject(force ? { state: "done" } : { state: "failed", error: { code: "UNSUPPORTED" } });
    expect(await digestOf("1")).toBe(force ? index.digest : pushed);
  });

  it("reports a source that limits requests, with the advice to log in (AS31)", async () => {
    pushImage(["a"], {}, "1");
    source.faults.add({ fault: { kind: "status", status: 429, retryAfter: 3600 } });
    const limited = await importing({});
    expect([limited.status, limited.error?.code]).toEqual([429, "TOOMANYREQUESTS"]);
    expect(limited.error?.message).toMatch(/--username and --password-stdin/);
  });

  it("logs in to the source with what it is given, and says so when that is missing", async () => {
    pushImage(["a"], {}, "1");
    await using guarded = await TestRegistry.start({ access: { kind: "token", username: "ann", password: "pw" } });
    for (const bytes of held().blobs.values()) held(guarded).putBlob(bytes);
    held(guarded).putManifest(held().find("1")?.bytes ?? new Uint8Array(), undefined, "1");
    const body = { source: `${guarded.host}/team/app:1` };
    expect(await importing(body)).toMatchObject({
      status: 403,
      error: { code: "DENIED", message: expect.stringContaining("--username") },
    });
    expect(await importing({ ...body, credentials: { username: "ann", password: "pw" } })).toMatchObject({
      state: "done",
    });
  });

  it.each(["169.254.169.254/app:1", "[fe80::1]/app:1", "[::ffff:169.254.169.254]/app:1"])(
    "connects to no %s",
    async (reference) => {
      expect(await importing({ source: reference, plainHttp: true })).toMatchObject({
        status: 403,
        error: { code: "DENIED" },
      });
    },
  );

  it("reaches this machine and private networks only where that is allowed", async () => {
    await using strict = await startTestServer({ allowPrivate: false });
    const response = await strict.send("POST", "/api/v1/imports", {
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ source: `${source.host}/team/app:1`, repository: "copy" }),
    });
    expect([response.status, await response.text()]).toEqual([403, expect.stringContaining("allowPrivate")]);
    expect(source.requests).toEqual([]);
  });

  it.each([
    [{ source: "oci:/etc" }, "body.source"],
    [{ source: "" }, "body.source"],
    [{ repository: "../x" }, "repository"],
    [{ tag: "a b" }, "tag"],
    [{ credentials: { username: "a" } }, "body.credentials"],
    [{ unknown: 1 }, "unknown"],
  ])("refuses %j", async (body, word) => {
    const answer = await importing(body);
    expect([answer.status, answer.error?.message]).toEqual([400, expect.stringContaining(word)]);
  });

  it("goes on beside three others at most, and ends when whoever asked goes away", async () => {
    pushImage(["slow"], {}, "1");
    source.faults.add({ fault: { kind: "stall" }, when: ({ path }) => path.includes("/blobs/"), times: 4 * 2 });
    const asked = Array.from({ length: 4 }, () => {
      const headers = { "content-type": "application/json" };
      const one = request(`${registry.server.url}/api/v1/imports`, { method: "POST", headers });
      one.on("error", () => undefined);
      one.end(JSON.stringify({ source: `${source.host}/team/app:1`, repository: "copy", tag: "1" }));
      return one;
    });
    await Promise.all(asked.map((one) => once(one, "response")));
    while (source.faults.served < 4 * 2) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await importing({})).toMatchObject({ status: 429, error: { code: "TOOMANYREQUESTS" } });
    for (const one of asked) one.destroy();
    let answer = await importing({});
    while (answer.status === 429) answer = await importing({});
    expect(answer).toMatchObject({ state: "done" });
  });
});
