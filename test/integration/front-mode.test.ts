import {
  anonymous,
  type Digest,
  type ImageManifest,
  RegistryClient,
  type Repository,
  sluiceMediaTypes,
} from "@sluice/oci";
import { missingPrograms, TestRegistry } from "@sluice/oci/testing";
import { parseUpstreams } from "@sluice/server";
import { startTestServer, type TestServer } from "@sluice/server/testing";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { freePort, type OtherRegistry, startOtherRegistry } from "../support/other-registry.js";
import { noiseFile, pushImage, tarOf } from "../support/pushed-image.js";
import { askApi, endOf } from "../support/registry-api.js";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";
import { sluice } from "../support/sluice.js";

const waiting = { timeout: 60_000, interval: 100 };
const { artifact: artifactType } = sluiceMediaTypes;
const push = async (repository: Repository, tag: string): Promise<ImageManifest> =>
  await pushImage(repository, [await tarOf([noiseFile(tag, 300_000)])], { tag });

describe.each([
  // Lists no referrers: artifacts are found by the fallback tag.
  { program: "docker-registry", from: "docker-registry" },
  { program: "registry", from: "go install github.com/distribution/distribution/v3/cmd/registry@v3.1.2" },
])("images in $program", ({ program, from }) => {
  const missing = missingPrograms({ [program]: from });
  let there: OtherRegistry;
  let registry: RunningRegistry;
  let client: RegistryClient;
  let repository: Repository;
  beforeAll(async () => {
    if (missing !== "") return;
    const port = await freePort();
    registry = await startRegistry({ upstreams: [`hub=http://127.0.0.1:${port}`], upstreamPoll: "24h" });
    const notify = `http://${registry.host}/api/v1/upstreams/hub/notifications`;
    there = await startOtherRegistry(program, { port, notify });
    client = new RegistryClient({ credentials: anonymous });
    repository = client.repository(`127.0.0.1:${port}`, "team/app");
  });
  afterAll(async () => {
    await client?.close();
    await registry?.[Symbol.asyncDispose]();
    await there?.[Symbol.asyncDispose]();
  });
  const artifactsOf = async (digest: Digest): Promise<readonly string[]> =>
    (await repository.referrers(digest, { artifactType })).map((artifact) => artifact.digest);
  const run = (...args: readonly string[]) => sluice([...args, "--registry", registry.host]);

  it.skipIf(missing !== "")(
    `are converted on demand, where they are, and managed as the registry's own ${missing}`,
    async () => {
      const { digest } = await push(repository, "asked");
      const converted = await run("convert", "hub/team/app:asked", "--on-server");
      expect(converted).toMatchObject({ code: 0, stdout: expect.stringMatching(/STATUS: +Succeeded/) });
      const [artifact = "", ...others] = await artifactsOf(digest);
      expect([converted.stdout, others]).toEqual([expect.stringContaining(artifact), []]);
      const referrers = await run("manifest", "list-referrers", "-n", "hub/team/app:asked", "-o", "json");
      expect(JSON.parse(referrers.stdout)).toMatchObject({ subject: digest, referrers: [{ digest: artifact }] });
      expect((await run("convert", "hub/team/app:asked", "--no-wait")).stderr).toContain("was converted before");
      expect((await run("operation", "show", "--image", "hub/team/app:asked")).stdout).toContain("Succeeded");
      expect((await run("operation", "list", "--repository", "hub/team/app")).stdout.match(/Succeeded/g)).toHaveLength(
        1,
      );
      expect((await run("convert", "delete", `${registry.host}/hub/team/app:asked`)).stdout).toContain(artifact);
      expect(await artifactsOf(digest)).toEqual([]);
      expect(await repository.resolve("asked")).toMatchObject({ digest });
    },
  );

  it.skipIf(missing !== "")(
    `are converted as they come, told by its notifications, and no others ${missing}`,
    async () => {
      const old = await push(repository, "old");
      const on = await run("repo", "update", "hub/team/app", "--enable-streaming", "true");
      expect(on.stdout).toMatch(/^STREAMING: +Active\nUPSTREAM: +127\.0\.0\.1:\d+\/team\/app$/m);
      const image = await push(repository, "new");
      await vi.waitFor(async () => expect(await artifactsOf(image.digest)).toHaveLength(1), waiting);
      expect(await artifactsOf(old.digest)).toEqual([]);
      await run("repo", "update", "hub/team/app", "--enable-streaming", "false");
      const { operations = [] } = (await askApi(registry.host, "GET", "/operations?repository=hub/team/app")).body;
      expect(operations.filter(({ cause }) => cause === "push").map(({ digest }) => digest)).toEqual([image.digest]);
    },
  );
});

describe("images in another registry", () => {
  let there: TestRegistry;
  let client: RegistryClient;
  let repository: Repository;
  beforeEach(async () => {
    there = await TestRegistry.start();
    client = new RegistryClient({ credentials: anonymous });
    repository = client.repository(there.host, "app");
  });
  afterEach(async () => {
    await client.close();
    await there.close();
  });
  /** Readers of this image's layers wait. */
  const stall = (image: ImageManifest): void => {
    const [layer] = image.layers;
    const fault = { kind: "stall", afterBytes: 1000 } as const;
    there.faults.add({ fault, when: ({ path }) => path.endsWith(layer?.digest ?? ""), times: 1 });
  };
  const runningIn = async (host: string): Promise<string> => {
    const { id = "" } = (await askApi(host, "POST", "/operations", { repository: "hub/app", reference: "1" })).body;
    await vi.waitFor(async () => {
      expect((await askApi(host, "GET", `/operations/${id}`)).body.status).toBe("Running");
      expect(there.faults.served).toBe(1);
    }, waiting);
    return id;
  };

  it("AS17: are converted as they come, found by looking; again after a registry that died in the middle", async () => {
    await using registry = await startRegistry({ upstreams: [`hub=${there.host}`], upstreamPoll: "1s" });
    await askApi(registry.host, "PATCH", "/repository?name=hub/app", { streaming: "Active" });
    const image = await pushImage(repository, [await tarOf([noiseFile("a", 300_000)])], {});
    stall(image);
    await repository.pushManifest(image, { tag: "1" });
    await vi.waitFor(() => expect(there.faults.served).toBe(1), waiting);
    await registry.stop("SIGKILL");
    await registry.restart();
    await vi.waitFor(async () => expect(await repository.referrers(image.digest)).toHaveLength(1), waiting);
    const { operations } = (await askApi(registry.host, "GET", "/operations?repository=hub/app")).body;
    expect(operations).toMatchObject([{ digest: image.digest, cause: "push" }]);
  });

  it("AS28: stay as they are when a conversion is cancelled, without an upload left open", async () => {
    await using registry = await startRegistry({ upstreams: [`hub=${there.host}`] });
    const image = await push(repository, "1");
    stall(image);
    const id = await runningIn(registry.host);
    expect((await sluice(["operation", "cancel", "--image", "hub/app:1", "--registry", registry.host])).code).toBe(0);
    expect(await endOf(registry.host, id)).toMatchObject({ status: "Canceled" });
    expect([await repository.referrers(image.digest), there.uploads.open]).toEqual([[], 0]);
  });

  describe("that goes away", () => {
    let registry: TestServer;
    beforeEach(async () => {
      registry = await startTestServer({
        upstreams: parseUpstreams([`hub=${there.host}`]),
        conversions: { maxAttempts: 2, backOffMs: 50, pollMs: 50 },
      });
    });
    afterEach(() => registry[Symbol.asyncDispose]());

    it("is tried again, and then the operation says who is away", async () => {
      const image = await push(repository, "1");
      stall(image);
      const [host, upstream] = [new URL(registry.server.url).host, there.host];
      const id = await runningIn(host);
      await there.close();
      const ended = await endOf(host, id);
      expect(ended).toMatchObject({ status: "Failed", error: { code: "UNKNOWN_ERROR" } });
      expect(ended.error?.message).toContain(upstream);
      const asked = await askApi(host, "POST", "/operations", { repository: "hub/app", reference: "1" });
      expect(asked).toMatchObject({ status: 502, body: { errors: [{ code: "SOURCE_FAILED" }] } });
    });
  });
});
