import { addressRule, anonymous, RegistryClient, sha256Of } from "@sluice/oci";
import { TestRegistry, type TestRegistryOptions } from "@sluice/oci/testing";
import { describe, expect, it } from "vitest";
import { parseRepositoryName } from "../registry/repository-name.js";
import { type OpenedImages, repositoryImagesSuite } from "../testing/repository-images-suite.js";
import { parseUpstream } from "./upstream.js";
import { Upstreams } from "./upstreams.js";

const upstreamsOf = (host: string, allowPrivate = true): Upstreams =>
  new Upstreams([parseUpstream(`hub=${host}/team`)], {
    addresses: addressRule({ allowPrivate }),
    credentials: anonymous,
  });

const open = async (options: TestRegistryOptions): Promise<OpenedImages> => {
  const there = await TestRegistry.start(options);
  const upstreams = upstreamsOf(there.host);
  const client = new RegistryClient({ credentials: anonymous });
  const repository = client.repository(there.host, "team/app");
  const images = upstreams.open(parseRepositoryName("hub/app"));
  if (images === undefined) throw new Error("hub/app is of no upstream");
  return {
    images,
    pushBlob: (bytes) =>
      repository.pushBlob({ digest: sha256Of(bytes), size: bytes.byteLength }, async function* () {
        yield bytes;
      }),
    pushManifest: async (manifest, tag) => void (await repository.pushManifest(manifest, { tag })),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([upstreams[Symbol.asyncDispose](), client.close()]);
      await there.close();
    },
  };
};

repositoryImagesSuite("another registry", () => open({}));
repositoryImagesSuite("another registry that lists referrers by tag", () => open({ referrers: "404" }));

describe("a repository of another registry", () => {
  const name = parseRepositoryName("hub/app");
  const failureOf = async (upstreams: Upstreams): Promise<unknown> => {
    await using _upstreams = upstreams;
    return await upstreams
      .open(name)
      ?.getManifest("1")
      .then(
        () => undefined,
        (error: unknown) => error,
      );
  };

  it("that asks for an account says where to give it, and not what was given", async () => {
    await using there = await TestRegistry.start({ access: { kind: "basic", username: "ann", password: "right" } });
    const credentials = { kind: "password", username: "ann", password: "hunter2" } as const;
    const upstreams = new Upstreams([parseUpstream(`hub=${there.host}/team`)], {
      addresses: addressRule({ allowPrivate: true }),
      credentials: { find: async () => ({ credentials, lookedAt: [] }) },
    });
    const failure = await failureOf(upstreams);
    expect(failure).toMatchObject({ code: "DENIED", message: expect.stringContaining(`docker login ${there.host}`) });
    expect(JSON.stringify([failure, String(failure)])).not.toContain("hunter2");
  });

  it("that is away is named, as a fault of it", async () => {
    const there = await TestRegistry.start();
    const { host } = there;
    await there.close();
    const message = expect.stringContaining(`upstream ${host}: GET http://${host}/v2/team/app`);
    expect(await failureOf(upstreamsOf(host))).toMatchObject({ code: "SOURCE_FAILED", status: 502, message });
  });

  it("on a private address is asked only where that is allowed", async () => {
    await using there = await TestRegistry.start();
    const message = expect.stringContaining("serve.outgoing.allowPrivate");
    expect(await failureOf(upstreamsOf(there.host, false))).toMatchObject({ code: "DENIED", message });
    expect(there.requests).toEqual([]);
  });
});
