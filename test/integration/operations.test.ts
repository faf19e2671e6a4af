import { anonymous, RegistryClient, type Repository, sluiceMediaTypes } from "@sluice/oci";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noiseFile, pushImage, tarOf } from "../support/pushed-image.js";
import { askApi, endOf } from "../support/registry-api.js";
import { type RunningRegistry, startRegistry } from "../support/running-registry.js";

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

  it("AS2, AS24, AS25: convert an image that is asked for, once, and list the artifact with it", async () => {
    const app = repository("asked");
    const { digest } = await pushImage(app, [await tarOf([noiseFile("a", 3_000_000)])], { tag: "1" });
    const wish = { repository: "asked", reference: "1" };
    const [one, two] = await Promise.all([api("POST", "/operations", wish), api("POST", "/operations", wish)]);
    expect([one.status, two.status, one.body.id]).toEqual([202, 202, two.body.id]);
    const ended = await endOf(registry.host, one.body.id);
    expect(ended).toMatchObject({ status: "Succeeded", progressPercent: 100, digest, tag: "1", cause: "request" });
    const [artifact, ...others] = await app.referrers(digest, { artifactType: sluiceMediaTypes.artifact });
    expect([artifact?.digest, others]).toEqual([ended.artifactDigest, []]);
    const again = await api("POST", "/operations", { repository: "asked", reference: digest });
    expect(again).toMatchObject({ status: 200, body: { alreadyConverted: true, artifactDigest: artifact?.digest } });
    expect((await api("GET", "/operations?repository=asked&reference=1")).body.operations).toEqual([ended]);
  });
});
