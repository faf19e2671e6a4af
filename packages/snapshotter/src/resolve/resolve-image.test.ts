import { encodeToc } from "@sluice/disk";
import {
  createImageManifest,
  type Descriptor,
  type ImageManifest,
  RegistryClient,
  type Repository,
  sha256Of,
  sluiceMediaTypes,
} from "@sluice/oci";
import { TestRegistry } from "@sluice/oci/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseNodeConfig } from "../config/node-config.js";
import { pushArtifact, pushSource, type SampleImage } from "../testing/sample-image.js";
import { type ResolvedImage, resolveImage } from "./resolve-image.js";
import { createTrustPolicy, type TrustPolicy, UnknownTrustPolicyError } from "./trust.js";

const repositoryTrust = createTrustPolicy({ policy: "repository", pins: [] });

describe("resolving an image", () => {
  let registry: TestRegistry;
  let client: RegistryClient;
  let repository: Repository;
  beforeEach(async () => {
    registry = await TestRegistry.start();
    client = new RegistryClient({ retry: { maxAttempts: 1 } });
    repository = client.repository(registry.host, "app");
  });
  afterEach(async () => {
    await client.close();
    await registry[Symbol.asyncDispose]();
  });
  const resolve = (target = "1", trust: TrustPolicy = repositoryTrust) => resolveImage(repository, target, trust);
  const layersOf = (change: (layers: Descriptor[]) => unknown) => (sample: SampleImage) => {
    const layers = [...sample.artifact.layers];
    change(layers);
    return { artifact: { ...sample.artifact, layers } };
  };

  it("finds source, config, artifact and TOC in few requests", async () => {
    const source = await pushSource(repository, "1");
    const artifact = await pushArtifact(repository, source);
    registry.requests.length = 0;
    const image = await resolve();
    expect(image.source.digest).toBe(source.digest);
    expect(image.artifact.manifest.digest).toBe(artifact.digest);
    expect(image.config.container.command).toEqual(["/bin/true"]);
    expect(image.toc.diskBlocks).toBe(1);
    expect(registry.requests).toHaveLength(5);
  });

  it("does not fetch a TOC that the artifact's manifest carries, and fetches it when what it carries is another", async () => {
    const source = await pushSource(repository, "1");
    const carrying = (change: (bytes: Uint8Array) => Uint8Array) => (sample: SampleImage) => {
      const bytes = encodeToc(sample.toc);
      const toc = { mediaType: sluiceMediaTypes.toc, digest: sha256Of(bytes), size: bytes.length, data: change(bytes) };
      return { artifact: { ...sample.artifact, layers: [toc, ...sample.artifact.layers.slice(1)] } };
    };
    const good = await pushArtifact(
      repository,
      source,
      carrying((bytes) => bytes),
    );
    registry.requests.length = 0;
    expect((await resolve()).toc.diskBlocks).toBe(1);
    expect(registry.requests).toHaveLength(4);
    await repository.deleteManifest(good.digest);
    await pushArtifact(
      repository,
      source,
      carrying((bytes) => Buffer.alloc(bytes.length)),
    );
    registry.requests.length = 0;
    expect((await resolve()).toc.diskBlocks).toBe(1);
    expect(registry.requests).toHaveLength(5);
  });

  it("takes the linux/amd64 child of an index, and a digest as well as a tag", async () => {
    const source = await pushSource(repository, "1", { asIndex: true });
    await pushArtifact(repository, source);
    expect((await resolve("1")).source.digest).toBe(source.digest);
    expect((await resolve(source.digest)).source.digest).toBe(source.digest);
  });

  it("does not fetch the TOC of an artifact that the caller knows", async () => {
    await pushArtifact(repository, await pushSource(repository, "1"));
    const known = await resolve();
    registry.requests.length = 0;
    const again = await resolveImage(repository, "1", repositoryTrust, { known: async () => known });
    expect(again).toBe(known);
    expect(registry.requests).toHaveLength(4);
  });

  describe("that was looked up before", () => {
    const again = (image: ResolvedImage | undefined) =>
      resolveImage(repository, "1", repositoryTrust, {
        before: async () => image,
        known: async (artifact) => (artifact === image?.artifact.manifest.digest ? image : undefined),
      });

    it.each([{ asIndex: false }, { asIndex: true }])(
      "asks for what the reference names and what refers to it, and for nothing else while both are the same: %o",
      async (form) => {
        await pushArtifact(repository, await pushSource(repository, "1", form));
        const before = await resolve();
        registry.requests.length = 0;
        expect(await again(before)).toBe(before);
        expect(registry.requests.map(({ path }) => path.split("/").at(-2)).sort()).toEqual(["manifests", "referrers"]);
      },
    );

    it("finds the image that the tag names now", async () => {
      await pushArtifact(repository, await pushSource(repository, "1"));
      const before = await resolve();
      const moved = await pushSource(repository, "2");
      await repository.pushManifest(moved, { tag: "1" });
      await expect(again(before)).rejects.toMatchObject({ code: "NO_ARTIFACT" });
      const artifact = await pushArtifact(repository, moved);
      const after = await again(before);
      expect(after.source.digest).toBe(moved.digest);
      expect(after.artifact.manifest.digest).toBe(artifact.digest);
    });

    it("finds a better artifact, and none when its own is deleted", async () => {
      const source = await pushSource(repository, "1");
      const plain = await pushArtifact(repository, source);
      const before = await resolve();
      const better = await pushArtifact(repository, source, undefined, true);
      expect((await again(before)).artifact.manifest.digest).toBe(better.digest);
      for (const { digest } of [plain, better]) await repository.deleteManifest(digest);
      await expect(again(before)).rejects.toMatchObject({ code: "NO_ARTIFACT" });
    });

    it("is asked for as any other when what is known of it cannot be read", async () => {
      await pushArtifact(repository, await pushSource(repository, "1"));
      const before = () => Promise.reject(new Error("unreadable"));
      const image = await resolveImage(repository, "1", repositoryTrust, { before });
      expect(image.toc.diskBlocks).toBe(1);
    });
  });

  it("prefers an artifact with a startup blob, and among equals always chooses the same", async () => {
    const source = await pushSource(repository, "1");
    const annotated = (value: string) => (sample: SampleImage) => ({
      artifact: { ...sample.artifact, annotations: { ...sample.artifact.annotations, value } },
    });
    const plain = [await pushArtifact(repository, source), await pushArtifact(repository, source, annotated("x"))];
    const [first] = plain.map((manifest) => manifest.digest).sort();
    expect((await resolve()).artifact.manifest.digest).toBe(first);
    const started = await pushArtifact(repository, source, undefined, true);
    expect((await resolve()).artifact.manifest.digest).toBe(started.digest);
  });

  it("passes over an artifact that is invalid when another one is not", async () => {
    const source = await pushSource(repository, "1");
    const good = await pushArtifact(repository, source);
    for (const value of ["a", "b", "c"]) {
      await pushArtifact(repository, source, (sample) => ({
        artifact: { ...sample.artifact, annotations: { "dev.sluice.format.version": value } },
      }));
    }
    expect((await resolve()).artifact.manifest.digest).toBe(good.digest);
  });

  it("finds the one good artifact behind more bad ones than are read at once", async () => {
    const source = await pushSource(repository, "1");
    const good = await pushArtifact(repository, source);
    for (let i = 0; i < 40; i++) {
      await pushArtifact(repository, source, (sample) => ({
        artifact: { ...sample.artifact, annotations: { "dev.sluice.format.version": `junk ${i}` } },
      }));
    }
    expect((await resolve()).artifact.manifest.digest).toBe(good.digest);
  });

  it.each<[string, string, RegExp, (sample: SampleImage) => Partial<SampleImage>]>([
    [
      "of another version",
      "UNKNOWN_VERSION",
      /format version "2", this program reads 1/,
      ({ artifact }) => ({ artifact: { ...artifact, annotations: { "dev.sluice.format.version": "2" } } }),
    ],
    ["without metadata", "ARTIFACT_INVALID", /layer 1: media type/, layersOf((layers) => layers.splice(1, 1))],
    [
      "with a layer too many",
      "ARTIFACT_INVALID",
      /2 layer blobs for an image of 1/,
      layersOf((layers) => layers.push(layers[2] as Descriptor)),
    ],
    [
      "whose layer was made from another layer",
      "ARTIFACT_INVALID",
      /dev\.sluice\.layer\.source is sha256/,
      layersOf((layers) => {
        const layer = layers[2] as Descriptor;
        layers[2] = { ...layer, annotations: { ...layer.annotations, "dev.sluice.layer.source": sha256Of("other") } };
      }),
    ],
    [
      "whose blob names no footer",
      "ARTIFACT_INVALID",
      /lacks a digest as dev\.sluice\.footer\.digest/,
      layersOf((layers) => {
        layers[1] = { ...(layers[1] as Descriptor), annotations: {} };
      }),
    ],
    [
      "whose TOC was made for another image",
      "ARTIFACT_INVALID",
      /made for sha256/,
      ({ toc }) => ({ toc: { ...toc, source: sha256Of("another") } }),
    ],
    [
      "whose TOC names a blob of another size",
      "ARTIFACT_INVALID",
      /bytes there and .* in the manifest/,
      ({ toc }) => ({ toc: { ...toc, blobs: toc.blobs.map((blob) => ({ ...blob, sizeBytes: blob.sizeBytes + 1 })) } }),
    ],
    [
      "whose TOC names a blob that the manifest does not list",
      "ARTIFACT_INVALID",
      /is not in the manifest/,
      ({ toc }) => ({ toc: { ...toc, blobs: toc.blobs.map((blob) => ({ ...blob, digest: sha256Of("elsewhere") })) } }),
    ],
  ])("refuses an artifact %s", async (_what, code, message, change) => {
    await pushArtifact(repository, await pushSource(repository, "1"), change);
    await expect(resolve()).rejects.toMatchObject({
      name: "NotStreamableError",
      code,
      message: expect.stringMatching(message),
      cure: expect.stringContaining(code === "UNKNOWN_VERSION" ? "newer program" : "convert"),
    });
  });

  it.each([
    ["manifest", (artifact: ImageManifest) => artifact.digest],
    ["TOC", (artifact: ImageManifest) => artifact.layers[0]?.digest ?? ""],
  ] as const)(
    "says that an artifact that is listed does not exist, also when only its %s does not",
    async (_, gone) => {
      const digest = gone(await pushArtifact(repository, await pushSource(repository, "1")));
      registry.faults.add({ fault: { kind: "status", status: 404 }, when: ({ path }) => path.endsWith(digest) });
      await expect(resolve()).rejects.toMatchObject({
        code: "ARTIFACT_NOT_FOUND",
        message: expect.stringContaining(digest),
        cure: expect.stringContaining("convert"),
      });
    },
  );

  it("refuses a TOC that claims more than any image needs, before it is fetched", async () => {
    const source = await pushSource(repository, "1");
    await pushArtifact(
      repository,
      source,
      layersOf((layers) => {
        layers[0] = { mediaType: "application/vnd.sluice.toc.v1+zstd", digest: sha256Of("huge"), size: 2 ** 40 };
      }),
    );
    registry.requests.length = 0;
    await expect(resolve()).rejects.toMatchObject({ code: "ARTIFACT_INVALID", message: /at most/ });
    expect(registry.requests.some((request) => request.path.includes(sha256Of("huge")))).toBe(false);
  });

  it.each([
    ["an image without artifact", "NO_ARTIFACT", async (it: Repository) => void (await pushSource(it, "1"))],
    ["a tag that is not there", "IMAGE_NOT_FOUND", async () => undefined],
    [
      "an image of another platform",
      "UNSUPPORTED_PLATFORM",
      async (it: Repository) => void (await pushSource(it, "1", { architecture: "arm64" })),
    ],
    [
      "the artifact itself",
      "UNSUPPORTED_ARTIFACT_TYPE",
      async (it: Repository) => {
        const artifact = await pushArtifact(it, await pushSource(it, "source"));
        await it.pushManifest(artifact, { tag: "1" });
      },
    ],
    [
      "something that is no image",
      "IMAGE_NOT_RUNNABLE",
      async (it: Repository) => {
        const source = await pushSource(it, "source");
        const config = { mediaType: "application/json", digest: sha256Of("{}"), size: 2 };
        await it.pushBlob(config, async function* () {
          yield Buffer.from("{}");
        });
        await it.pushManifest(createImageManifest({ config, layers: source.layers }), { tag: "1" });
      },
    ],
  ])("answers %s with %s", async (_what, code, prepare) => {
    await prepare(repository);
    await expect(resolve()).rejects.toMatchObject({ code, cure: expect.any(String) });
  });

  it("answers a registry that is away with REGISTRY_UNREACHABLE", async () => {
    await registry[Symbol.asyncDispose]();
    await expect(resolve()).rejects.toMatchObject({ code: "REGISTRY_UNREACHABLE" });
    registry = await TestRegistry.start();
  });

  it("rejects with the reason of the caller who left", async () => {
    const signal = AbortSignal.abort(new Error("left"));
    await expect(resolveImage(repository, "1", repositoryTrust, { signal })).rejects.toThrow("left");
  });

  describe("with policy pinned", () => {
    it("takes the pinned artifact and no other, however good", async () => {
      const source = await pushSource(repository, "1");
      const pinned = await pushArtifact(repository, source);
      await pushArtifact(repository, source, undefined, true);
      const trust = createTrustPolicy({ policy: "pinned", pins: [pinned.digest] });
      expect((await resolve("1", trust)).artifact.manifest.digest).toBe(pinned.digest);
      const none = createTrustPolicy({ policy: "pinned", pins: [] });
      await expect(resolve("1", none)).rejects.toMatchObject({ code: "NOT_TRUSTED" });
    });
  });
});

describe("the trust policy of a node", () => {
  it.each(["signed", "full"] as const)("is never weaker than asked for: %s is refused", (policy) => {
    expect(() => createTrustPolicy({ policy, pins: [] })).toThrow(UnknownTrustPolicyError);
  });

  it("is that of the repository by default", () => {
    expect(createTrustPolicy(parseNodeConfig({}).trust).name).toBe("repository");
  });
});
