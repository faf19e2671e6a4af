import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { verifyImage } from "@sluice/converter";
import { anonymous, RegistryClient, sluiceMediaTypes } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { freezeConverting, isAlive, isAskedToEnd } from "../support/converting-process.js";
import { noiseFile, pushImage, tarOf } from "../support/pushed-image.js";
import { askApi, endOf } from "../support/registry-api.js";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";
import { sluice } from "../support/sluice.js";

describe("an operation whose process is killed", () => {
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

  const openUploads = (): number => {
    const folder = join(registry.root, "registry/blobs/uploads");
    return existsSync(folder) ? readdirSync(folder).length : 0;
  };

  /** An operation, and its process, which stands still. Images are pushed until one is caught at the moment that is wanted. */
  const caught = async (name: string, moment: "begin" | "upload") => {
    for (;;) {
      const repository = client.repository(registry.host, name);
      const tar = await tarOf([noiseFile("a", 12_000_000)]);
      const { digest } = await pushImage(repository, [tar], { tag: "1" });
      const uploadsBefore = openUploads();
      const { body } = await askApi(registry.host, "POST", "/operations", { repository: name, reference: "1" });
      const isTime = (): boolean => moment === "begin" || openUploads() > uploadsBefore;
      const pid = await freezeConverting(registry.pid, isTime);
      if (pid !== undefined) return { id: body.id, digest, pid };
      await endOf(registry.host, body.id);
    }
  };
  /** One artifact, whole. */
  const expectConverted = async (
    name: string,
    id: string | undefined,
    digest: Awaited<ReturnType<typeof caught>>["digest"],
  ) => {
    const ended = await endOf(registry.host, id);
    expect(ended).toMatchObject({ status: "Succeeded", digest });
    const repository = client.repository(registry.host, name);
    const artifacts = await repository.referrers(digest, { artifactType: sluiceMediaTypes.artifact });
    expect(artifacts.map((artifact) => artifact.digest)).toEqual([ended.artifactDigest]);
    const place = { repository, target: digest, reference: name };
    expect(await verifyImage(place, { root: registry.root })).toMatchObject({ ok: true });
    const { operations } = (await askApi(registry.host, "GET", `/operations?repository=${name}&reference=${digest}`))
      .body;
    expect(operations).toHaveLength(1);
  };

  it.each(["begin", "upload"] as const)(
    "with the registry at its %s is taken up at the next start, and done once",
    async (moment) => {
      const name = `registry-${moment}`;
      const { id, digest, pid } = await caught(name, moment);
      await registry.stop("SIGKILL");
      process.kill(pid, "SIGCONT");
      await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 30_000 });
      await registry.restart();
      await expectConverted(name, id, digest);
    },
  );

  it("while the registry lives is tried again, and nothing half made is listed meanwhile", async () => {
    const uploadsBefore = openUploads();
    const { id, digest, pid } = await caught("child", "upload");
    process.kill(pid, "SIGKILL");
    expect(await client.repository(registry.host, "child").referrers(digest)).toEqual([]);
    await expectConverted("child", id, digest);
    expect(openUploads()).toBe(uploadsBefore);
  });

  it("AS28: by a cancel ends as Canceled, leaves nothing, and cannot be cancelled again", async () => {
    const uploadsBefore = openUploads();
    const { id = "", digest, pid } = await caught("cancelled", "upload");
    const cancel = (...which: readonly string[]) =>
      sluice(["operation", "cancel", ...which, "--registry", registry.host]);
    const cancelling = cancel("--repository", "cancelled", "--id", id);
    await vi.waitFor(() => expect(isAskedToEnd(pid)).toBe(true), { timeout: 30_000 });
    process.kill(pid, "SIGCONT");
    expect(await cancelling).toMatchObject({ code: 0, stdout: expect.stringMatching(/^STATUS: +Canceled$/m) });
    expect([isAlive(pid), openUploads()]).toEqual([false, uploadsBefore]);
    expect(await client.repository(registry.host, "cancelled").referrers(digest)).toEqual([]);
    for (const which of [
      ["--image", "cancelled:1"],
      ["--repository", "cancelled", "--id", id],
    ]) {
      const { code, stderr } = await cancel(...which);
      expect([code, stderr]).toEqual([1, expect.stringContaining(`Operation ID: ${id} is finished (Canceled)`)]);
    }
    const none = await cancel("--image", "cancelled:none");
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining("has no image none")]);
  });

  it("by a stop of the registry goes on at the next start", async () => {
    const { id, digest, pid } = await caught("stopped", "begin");
    const stopped = registry.stop("SIGTERM");
    process.kill(pid, "SIGCONT");
    expect(await stopped).toBe(0);
    expect(isAlive(pid)).toBe(false);
    await registry.restart();
    await expectConverted("stopped", id, digest);
  });
});
