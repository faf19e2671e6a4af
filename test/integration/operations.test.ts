import {
  anonymous,
  createImageIndex,
  descriptorOfManifest,
  type ImageManifest,
  RegistryClient,
  type Repository,
  sluiceMediaTypes,
} from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noiseFile, type PushImageOptions, pushImage, tarOf } from "../support/pushed-image.js";
import { type ApiDocument, askApi, endOf } from "../support/registry-api.js";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";
import { type Outcome, sluice } from "../support/sluice.js";

describe("streaming operations of a registry", () => {
  let registry: RunningRegistry;
  let client: RegistryClient;
  beforeAll(async () => {
    registry = await startRegistry();
    client = new RegistryClient({ credentials: anonymous });
  });
  afterAll(async () => {
    await client.close();
    await registry[Symbol.asyncDispose]();
  });
  const repository = (name: string): Repository => client.repository(registry.host, name);
  const api = (method: string, path: string, body?: object) => askApi(registry.host, method, path, body);
  const push = async (name: string, options: PushImageOptions = {}): Promise<ImageManifest> =>
    await pushImage(repository(name), [await tarOf([noiseFile("a", 300_000)])], { tag: "1", ...options });
  const operationsIn = async (name: string): Promise<readonly ApiDocument[]> =>
    (await api("GET", `/operations?repository=${name}`)).body.operations ?? [];
  const artifactsOf = (name: string, digest: ImageManifest["digest"]) =>
    repository(name).referrers(digest, { artifactType: sluiceMediaTypes.artifact });
  /** A verb of the command line against this registry. */
  const run = (...args: readonly string[]): Promise<Outcome> => sluice([...args, "--registry", registry.host]);
  const runJson = async (...args: readonly string[]): Promise<ApiDocument> => {
    const { code, stdout, stderr } = await run(...args, "-o", "json");
    expect([code, stderr]).toEqual([0, ""]);
    return JSON.parse(stdout) as ApiDocument; // one document, by contract
  };

  it("AS1, AS2, AS24, AS25: converts an image that is asked for, once, and lists the artifact with it", async () => {
    const { digest } = await push("asked");
    const wish = { repository: "asked", reference: "1" };
    const [one, two] = await Promise.all([api("POST", "/operations", wish), api("POST", "/operations", wish)]);
    expect([one.status, two.status, one.body.id]).toEqual([202, 202, two.body.id]);
    const ended = await endOf(registry.host, one.body.id);
    expect(ended).toMatchObject({ status: "Succeeded", progressPercent: 100, digest, tag: "1", cause: "request" });
    const [artifact, ...others] = await artifactsOf("asked", digest);
    expect([artifact?.digest, others]).toEqual([ended.artifactDigest, []]);
    const again = await api("POST", "/operations", { repository: "asked", reference: digest });
    expect(again).toMatchObject({ status: 200, body: { alreadyConverted: true, artifactDigest: artifact?.digest } });
    const { operations } = (await api("GET", "/operations?repository=asked&reference=1")).body;
    expect(operations).toEqual([ended]);
  });

  it("AS24 to AS26, AS29: does so for the command line, which tells the id and waits", async () => {
    const { digest } = await push("words");
    const first = await run("convert", "words:1", "--on-server");
    expect(first).toMatchObject({ code: 0, stdout: expect.stringMatching(/STATUS: +Succeeded/) });
    const [, id] =
      /operation ([0-9a-f-]{36}); .*sluice operation show --repository words --id \1/.exec(first.stderr) ?? [];
    expect(await runJson("operation", "show", "--repository", "words", "--id", id ?? "")).toMatchObject({ digest, id });
    const { artifactDigest } = await runJson("operation", "show", "--image", "words:1");
    const referrers = await runJson("manifest", "list-referrers", "-n", "words:1", "--recursive");
    expect(referrers).toMatchObject({ subject: digest, referrers: [{ digest: artifactDigest }] });
    const other = await runJson("manifest", "list-referrers", "-n", "words:1", "--artifact-type", "text/x");
    expect(other).toEqual({ subject: digest, referrers: [] });
    expect(await runJson("convert", "words:1", "--no-wait")).toMatchObject({ alreadyConverted: true, artifactDigest });
    const forced = await runJson("convert", "words:1", "--no-wait", "--force");
    expect(forced.id).not.toBe(id);
    expect(await endOf(registry.host, forced.id)).toMatchObject({ status: "Succeeded", artifactDigest });
    expect((await run("operation", "list", "--repository", "words")).stdout.match(/Succeeded/g)).toHaveLength(2);
  });

  it("AS15, AS16, AS19, AS21: repositories are inactive until they are told otherwise, and then convert nothing that is there", async () => {
    const { digest } = await push("switch");
    expect((await run("repo", "show", "switch")).stdout).toMatch(/^STREAMING: +Inactive$/m);
    const on = await run("repo", "update", "--repository", "switch", "--enable-streaming", "true");
    expect(on.stdout).toMatch(/^STREAMING: +Active$/m);
    await repository("switch").pushManifest(await repository("switch").getManifest(digest), { tag: "again" });
    expect([await operationsIn("switch"), await artifactsOf("switch", digest)]).toEqual([[], []]);
    expect((await run("operation", "show", "--image", "switch:1")).stderr).toContain("No operation found for image");
  });

  it("AS17, AS22, AS3: active ones convert each new image once, until they are turned off; all stays accessible", async () => {
    await run("repo", "update", "active", "--enable-streaming", "true");
    const image = await push("active");
    const [operation, ...others] = await operationsIn("active");
    expect([operation?.cause, operation?.digest, operation?.tag, others]).toEqual(["push", image.digest, "1", []]);
    await repository("active").pushManifest(image, { tag: "again" });
    expect(await endOf(registry.host, operation?.id)).toMatchObject({ status: "Succeeded" });
    await repository("active").pushManifest(image, { tag: "2" });
    expect(await operationsIn("active")).toHaveLength(1);
    await run("repo", "update", "active", "--enable-streaming", "false");
    await push("active", { tag: "later" });
    expect(await operationsIn("active")).toHaveLength(1);
    expect((await repository("active").getManifest("1")).digest).toBe(image.digest);
    const [artifact] = await artifactsOf("active", image.digest);
    expect((await repository("active").getManifest(artifact?.digest ?? "")).digest).toBe(artifact?.digest);
  });

  it("tells who pushes that a conversion was queued", async () => {
    await api("PATCH", "/repository?name=warned", { streaming: "Active" });
    const image = await push("warned-from");
    for (const blob of [image.config, ...image.layers]) {
      if (blob !== undefined) await repository("warned").mountBlob(blob, repository("warned-from"));
    }
    const headers = { "content-type": image.mediaType };
    const answer = await fetch(`http://${registry.host}/v2/warned/manifests/1`, {
      ...{ method: "PUT", headers, body: Buffer.from(image.bytes) },
    });
    const [operation] = await operationsIn("warned");
    const text = `conversion ${operation?.id} of warned@${image.digest} is queued`;
    expect([answer.status, answer.headers.get("warning")]).toEqual([201, `299 - "${text}"`]);
  });

  it("AS20, AS36 to AS38: skips what cannot be converted, says why, and takes the push all the same", async () => {
    await api("PATCH", "/repository?name=skips", { streaming: "Active" });
    const arm = await push("skips", { architecture: "arm64" });
    const broken = await push("skips", { tag: "broken", diffIds: [] });
    const index = createImageIndex([
      { ...descriptorOfManifest(arm), platform: { os: "linux", architecture: "arm64" } },
    ]);
    await repository("skips").pushManifest(index, { tag: "index" });
    const { skipped } = (await api("GET", "/repository?name=skips")).body;
    expect(skipped?.map(({ digest, code }) => [digest, code])).toEqual([
      [index.digest, "NO_SUPPORTED_PLATFORM_FOUND"],
      [broken.digest, "IMAGE_NOT_RUNNABLE"],
      [arm.digest, "UNSUPPORTED_PLATFORM"],
    ]);
    expect(await operationsIn("skips")).toEqual([]);
    expect((await run("operation", "show", "--image", "skips:1")).stderr).toContain("UNSUPPORTED_PLATFORM");
    const { code, stderr } = await run("convert", "skips:index", "--on-server", "-o", "json");
    expect([code, stderr]).toEqual([1, expect.stringContaining("NO_SUPPORTED_PLATFORM_FOUND")]);
  });

  it("AS38: converts of an index its linux/amd64 image, once for both", async () => {
    await api("PATCH", "/repository?name=index", { streaming: "Active" });
    const [amd, arm] = [
      await push("index", { tag: "amd" }),
      await push("index", { tag: "arm", architecture: "arm64" }),
    ];
    const platform = (architecture: string) => ({ platform: { os: "linux", architecture } });
    const index = createImageIndex([
      { ...descriptorOfManifest(arm), ...platform("arm64") },
      { ...descriptorOfManifest(amd), ...platform("amd64") },
    ]);
    await repository("index").pushManifest(index, { tag: "1" });
    const [operation, ...others] = await operationsIn("index");
    expect([operation?.digest, others]).toEqual([amd.digest, []]);
    await endOf(registry.host, operation?.id);
    expect(await runJson("operation", "show", "--image", "index:1")).toMatchObject({ status: "Succeeded" });
    expect(await runJson("convert", "index:1", "--wait")).toMatchObject({ alreadyConverted: true, digest: amd.digest });
  });

  it("AS23: converts neither a streaming artifact nor what is not there, and anew what `convert delete` took the artifact of", async () => {
    const { digest } = await push("twice");
    const { artifactDigest } = await runJson("convert", "twice:1", "--on-server");
    for (const [reference, code] of [
      [`twice@${artifactDigest}`, "UNSUPPORTED_ARTIFACT_TYPE"],
      ["twice:none", "RESOURCE_NOT_FOUND"],
    ] as const) {
      const outcome = await run("convert", reference, "--on-server");
      expect([outcome.code, outcome.stderr]).toEqual([1, expect.stringContaining(code)]);
    }
    const { deleted } = (await runJson("convert", "delete", `${registry.host}/twice:1`)) as { deleted?: string[] };
    expect([deleted, await artifactsOf("twice", digest)]).toEqual([[artifactDigest], []]);
    expect(await runJson("convert", "twice:1", "--on-server")).toMatchObject({
      artifactDigest,
      alreadyConverted: false,
    });
  });

  it("AS18: treats what is imported like what is pushed", async () => {
    const { digest } = await push("import-from");
    await api("PATCH", "/repository?name=imported", { streaming: "Active" });
    await runJson("import", "--source", `${registry.host}/import-from:1`, "-t", "imported:1");
    const [operation, ...others] = await operationsIn("imported");
    expect([operation?.cause, operation?.digest, operation?.tag, others]).toEqual(["import", digest, "1", []]);
    expect(await endOf(registry.host, operation?.id)).toMatchObject({ status: "Succeeded" });
  });

  it("AS34: says so in one message where streaming is turned off for the whole registry", async () => {
    await using off = await startRegistry({ streaming: false });
    for (const args of [
      ["convert", "app:1", "--on-server"],
      ["repo", "update", "app", "--enable-streaming", "true"],
    ]) {
      const { code, stderr } = await sluice([...args, "--registry", off.host]);
      expect([code, stderr]).toEqual([1, expect.stringContaining("serve.streaming: false")]);
    }
  });
});
