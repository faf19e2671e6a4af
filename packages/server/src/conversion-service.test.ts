import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  createImageManifest,
  type Descriptor,
  type Digest,
  descriptorOfManifest,
  emptyDescriptor,
  ociMediaTypes,
  sha256Of,
  sluiceMediaTypes,
} from "@sluice/oci";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { startConversions } from "./conversion-service.js";
import { type OpenRegistry, openRegistry } from "./open-registry.js";
import type { Operation } from "./operations/operation.js";
import { parseRepositoryName } from "./registry/repository-name.js";

const log = pino({ level: "silent" });
const wish = {
  repository: "app",
  digest: sha256Of("image"),
  cause: "request",
  isForced: false,
  caller: "ann",
} as const;

/** What the program of a converting process has in hand. */
const prelude = `
  const job = await new Promise((resolve) => process.once("message", resolve));
  const basic = (name, password) => "Basic " + Buffer.from(name + ":" + password).toString("base64");
  const ask = async (method, path, authorization = basic(job.credentials.username, job.credentials.password)) =>
    await fetch("http://" + job.host + path, { method, headers: authorization ? { authorization } : {} });
  const tell = (message) => new Promise((resolve) => process.send(message, resolve));
  const fail = async (message) => {
    await tell({ kind: "failed", failure: { code: "UNSUPPORTED_PLATFORM", message, isPassing: false } });
    process.disconnect();
  };
`;

describe("a converting process", () => {
  let root: string;
  let registry: OpenRegistry;
  let conversions: AsyncDisposable | undefined;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "sluice-conversions-"));
    const access = { anonymous: "none", openWithoutAccounts: "everybody", maxFailures: 1 } as const;
    registry = await openRegistry({ root, log, access, allowPrivate: false });
  });
  afterEach(async () => {
    await conversions?.[Symbol.asyncDispose]();
    await registry[Symbol.asyncDispose]();
    await rm(root, { recursive: true });
    vi.unstubAllEnvs();
  });

  /** An operation that a process with this program is started for. */
  const begin = async (program: string): Promise<() => Promise<Operation | undefined>> => {
    const script = join(root, "program.mjs");
    await writeFile(script, prelude + program);
    const { operations } = registry.places;
    const { operation } = await operations.request(wish);
    const config = { pollMs: 20, maxAttempts: 1 };
    conversions = await startConversions(registry, { root, log, conversions: config, script: pathToFileURL(script) });
    return async () => (await operations.get(operation.id))?.document;
  };
  const ended = async (state: () => Promise<Operation | undefined>): Promise<Operation | undefined> => {
    await vi.waitFor(async () => expect(await state()).toHaveProperty("finishedAt"), { timeout: 50_000 });
    return await state();
  };

  it("comes in by its own password, to its own repository, for what a conversion does, and knows no other secret", async () => {
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "of the registry");
    const state = await begin(`
      const own = "/v2/app/blobs/uploads/";
      const answers = await Promise.all([
        ask("POST", own),
        ask("GET", "/v2/app/tags/list"),
        ask("POST", "/v2/other/blobs/uploads/"),
        ask("GET", "/v2/other/tags/list"),
        ask("DELETE", "/v2/app/manifests/1"),
        ask("GET", "/api/v1/usage"),
        ask("POST", own, basic(job.credentials.username, "wrong")),
        ask("POST", own, basic("admin", job.credentials.password)),
        ask("POST", own, ""),
        ask("GET", "/v2/", "Bearer none"),
      ]);
      await fail(answers.map(({ status }) => status).join() + process.env.AWS_SECRET_ACCESS_KEY);
    `);
    expect(await ended(state)).toMatchObject({
      status: "Failed",
      error: { code: "UNSUPPORTED_PLATFORM", message: "202,404,403,403,403,403,401,401,401,401undefined" },
    });
    expect(registry.places.uploads.count()).toBe(0);
  });

  it("gets tokens that are good at its own door, and at no other", async () => {
    const state = await begin(`
      const { token } = await (await ask("GET", "/v2/token?service=sluice&scope=repository:app:pull,push")).json();
      const { status } = await ask("POST", "/v2/app/blobs/uploads/", "Bearer " + token);
      await fail(status + " " + token);
    `);
    const [status, token = ""] = (await ended(state))?.error?.message.split(" ") ?? [];
    expect([status, token.split(".").length]).toEqual(["202", 3]);
    expect(await registry.places.tokens.read(token)).toBeUndefined();
  });

  it("AS28: is ended when its operation is cancelled, with the uploads that it left open", async () => {
    const state = await begin(`
      await ask("POST", "/v2/app/blobs/uploads/");
      await tell({ kind: "progress", fraction: 0.5 });
      setInterval(() => undefined, 1000);
    `);
    await vi.waitFor(async () => expect((await state())?.progressPercent).toBe(49), { timeout: 50_000 });
    expect(registry.places.uploads.count()).toBe(1);
    await registry.places.operations.cancel((await state())?.id ?? "");
    expect(await ended(state)).toMatchObject({ status: "Canceled" });
    expect(registry.places.uploads.count()).toBe(0);
  });

  it("that dies says how, and what it said last", async () => {
    const state = await begin(`console.error("out of luck"); process.kill(process.pid, "SIGKILL");`);
    const error = { code: "UNKNOWN_ERROR", message: "the converting process was killed by SIGKILL; out of luck" };
    expect(await ended(state)).toMatchObject({ status: "Failed", error });
  });

  /** Puts manifests into the repository, without anything that they would need. */
  const put = async (digest: Digest, bytes: Uint8Array, referrer?: Descriptor): Promise<Digest> => {
    const manifest = { digest, bytes, mediaType: ociMediaTypes.manifest, blobs: [], manifests: [] };
    const subject = wish.digest;
    await registry.places.metadata.putManifest(
      parseRepositoryName("app"),
      { ...manifest, referrer: referrer && { subject, descriptor: referrer } },
      [],
    );
    return digest;
  };
  const putImage = (): Promise<Digest> => put(wish.digest, Buffer.from("image"));
  const putArtifact = (): Promise<Digest> => {
    const artifactType = sluiceMediaTypes.artifact;
    const subject = { mediaType: ociMediaTypes.manifest, digest: wish.digest, size: 5 };
    const manifest = createImageManifest({ artifactType, subject, config: emptyDescriptor, layers: [emptyDescriptor] });
    return put(manifest.digest, manifest.bytes, { ...descriptorOfManifest(manifest), artifactType });
  };
  const done = (artifact: Digest): string =>
    `await tell({ kind: "done", artifact: "${artifact}" }); process.disconnect();`;

  it("is believed when it says that it is done, if its artifact is listed with its image", async () => {
    await putImage();
    const artifact = await putArtifact();
    expect(await ended(await begin(done(artifact)))).toMatchObject({ status: "Succeeded", artifactDigest: artifact });
  });

  it("is not believed when its artifact is listed nowhere", async () => {
    await putImage();
    expect((await ended(await begin(done(sha256Of("nowhere")))))?.error?.message).toContain("is not listed");
  });

  it("leaves no artifact of an image that was deleted while it was converted", async () => {
    const artifact = await putArtifact();
    const error = { code: "RESOURCE_NOT_FOUND", message: expect.stringContaining("was deleted") };
    expect(await ended(await begin(done(artifact)))).toMatchObject({ status: "Failed", error });
    expect(await registry.places.metadata.manifest(parseRepositoryName("app"), artifact)).toBeUndefined();
  });
});
