import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  ConversionError,
  type ConversionResult,
  type ConvertOptions,
  convertImage,
  inspectImage,
  LayerInvalidError,
  verifyImage,
} from "@sluice/converter";
import {
  createImageIndex,
  createImageManifest,
  descriptorOfManifest,
  ImageLayout,
  ociMediaTypes,
  RegistryClient,
  type Repository,
  sha256Of,
  sluiceMediaTypes,
} from "@sluice/oci";
import { TestRegistry } from "@sluice/oci/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noiseFile, pushImage, tarOf } from "../support/pushed-image.js";

let directory: string;
let registry: TestRegistry;
let client: RegistryClient;
let repository: Repository;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-convert-"));
  registry = await TestRegistry.start();
  client = new RegistryClient();
  repository = client.repository(registry.host, "app");
});

afterEach(async () => {
  await client[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

const convert = (from: Repository, target: string, options: Partial<ConvertOptions> = {}): Promise<ConversionResult> =>
  convertImage(
    { repository: from, target, reference: `${from.name}:${target}` },
    { root: join(directory, "root"), ...options },
  );

const verify = (from: Repository, target: string): ReturnType<typeof verifyImage> =>
  verifyImage({ repository: from, target, reference: target }, { root: join(directory, "root") });

const base = (): Promise<Buffer> =>
  tarOf([
    { name: "bin/", type: "directory", mode: 0o755 },
    noiseFile("bin/server", 3_000_000),
    { name: "etc/motd", content: "hello" },
    { name: "etc/link", type: "symlink", linkname: "motd" },
    { name: "etc/hard", type: "link", linkname: "etc/motd" },
  ]);

describe("convertImage", () => {
  it("attaches an artifact that proves every layer, and leaves the image as it was", async () => {
    const app = await tarOf([noiseFile("app/main.js", 100_000), { name: "etc/.wh.motd" }]);
    const image = await pushImage(repository, [await base(), app], { tag: "v1" });
    const result = await convert(repository, "v1");
    expect(result).toMatchObject({
      source: { digest: image.digest },
      artifact: { artifactType: sluiceMediaTypes.artifact },
      alreadyConverted: false,
    });
    expect(result.layers.map(({ source }) => source)).toEqual(image.layers.map(({ digest }) => digest));
    expect(result.layers.map(({ reused }) => reused)).toEqual([false, false]);
    const referrers = await repository.referrers(image.digest, { artifactType: sluiceMediaTypes.artifact });
    expect(referrers.map(({ digest }) => digest)).toEqual([result.artifact.digest]);
    expect((await repository.getManifest("v1")).digest).toBe(image.digest);
    expect(await verify(repository, "v1")).toMatchObject({ ok: true, problems: [] });
  });

  it("answers the same digest and does nothing when the image was converted before", async () => {
    await pushImage(repository, [await base()], { tag: "v1" });
    const first = await convert(repository, "v1");
    const before = registry.requests.length;
    const again = await convert(repository, "v1");
    expect(again.artifact).toEqual(first.artifact);
    expect(again).toMatchObject({ alreadyConverted: true, uncompressedBytes: first.uncompressedBytes });
    expect(registry.requests.slice(before).every(({ method }) => method === "GET" || method === "HEAD")).toBe(true);
  });

  it("gives the same digests on an empty and a warm machine, with one thread and with three, forced or not", async () => {
    const tars = [await base(), await tarOf([noiseFile("app/x.py", 700_000), noiseFile("app/y.pyc", 300_000)])];
    const digests = new Set<string>();
    for (const [i, options] of [{ threads: 1 }, { threads: 3 }, { threads: 2, force: true }].entries()) {
      const elsewhere = client.repository(registry.host, `app${i}`);
      await pushImage(elsewhere, tars, { tag: "v1" });
      const root = join(directory, `root${Math.min(i, 1)}`);
      digests.add((await convert(elsewhere, "v1", { ...options, root })).artifact.digest);
    }
    expect(digests.size).toBe(1);
  });

  it("converts only the changed layer of a second version", async () => {
    const shared = await base();
    await pushImage(repository, [shared, await tarOf([noiseFile("app", 50_000)])], { tag: "v1" });
    await convert(repository, "v1");
    const second = await pushImage(repository, [shared, await tarOf([noiseFile("app", 50_000)])], { tag: "v2" });
    const before = registry.requests.length;
    const result = await convert(repository, "v2");
    expect(result.layers.map(({ reused }) => reused)).toEqual([true, false]);
    const fetched = registry.requests.slice(before).filter(({ method }) => method === "GET");
    expect(fetched.some(({ path }) => path.endsWith(second.layers[0]?.digest ?? "?"))).toBe(false);
    expect((await verify(repository, "v2")).ok).toBe(true);
  });

  it("sends only the changed layer of a second version, with nothing cached on the host", async () => {
    const shared = await base();
    await pushImage(repository, [shared, await tarOf([noiseFile("app", 50_000)])], { tag: "v1" });
    const first = await convert(repository, "v1");
    await pushImage(repository, [shared, await tarOf([noiseFile("app", 50_000)])], { tag: "v2" });
    const before = registry.requests.length;
    const result = await convert(repository, "v2", { root: join(directory, "other host") });
    expect(result.layers[0]?.blob).toBe(first.layers[0]?.blob);
    const uploads = registry.requests
      .slice(before)
      .filter(({ method, path }) => method === "PUT" && /uploads/.test(path));
    expect(uploads).toHaveLength(2); // changed layer and TOC; the metadata is the same
  });

  it("converts a layer for which an earlier artifact names a blob of something else", async () => {
    const shared = await base();
    const evil = await tarOf([noiseFile("bin/server", 3_000_000)]);
    await pushImage(repository, [shared], { tag: "v1" });
    const honest = await convert(repository, "v1");
    const elsewhere = client.repository(registry.host, "elsewhere");
    await pushImage(elsewhere, [evil], { tag: "v1" });
    const { artifact } = await convert(elsewhere, "v1");
    const [right, wrong] = await Promise.all([
      repository.getManifest(honest.artifact.digest),
      elsewhere.getManifest(artifact.digest),
    ]);
    if (right.kind !== "image" || wrong.kind !== "image") throw new Error("an index");
    for (const [i, blob] of wrong.layers.entries()) {
      if (i < 2) continue;
      await repository.pushBlob(blob, () => elsewhere.readBlob(blob));
    }
    const lies = right.layers.map((layer, i) => {
      if (i < 2) return layer;
      const { digest, size, annotations } = wrong.layers[i] ?? layer;
      const footer = annotations?.["dev.sluice.footer.digest"] ?? "";
      return { ...layer, digest, size, annotations: { ...layer.annotations, "dev.sluice.footer.digest": footer } };
    });
    const { artifactType, config, subject, annotations } = right;
    if (!config || !subject || artifactType === undefined) throw new Error("no artifact");
    await repository.deleteManifest(right.digest);
    await repository.pushManifest(createImageManifest({ artifactType, config, subject, annotations, layers: lies }));
    await pushImage(repository, [shared, await tarOf([{ name: "x", content: "x" }])], { tag: "v2" });
    const result = await convert(repository, "v2", { root: join(directory, "other host") });
    expect(result.layers[0]).toMatchObject({ reused: false, blob: honest.layers[0]?.blob });
    expect((await verify(repository, "v2")).ok).toBe(true);
  });

  it("converts again what rotted in the cache of the host", async () => {
    const tar = await base();
    await pushImage(repository, [tar], { tag: "v1" });
    const [layer] = (await convert(repository, "v1")).layers;
    const path = join(directory, "root", "convert-cache", "blobs", layer?.blob.slice("sha256:".length) ?? "");
    const bytes = await readFile(path);
    bytes[1000] = (bytes[1000] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const other = client.repository(registry.host, "other");
    await pushImage(other, [tar], { tag: "v1" });
    expect((await convert(other, "v1")).layers).toMatchObject([{ reused: false, blob: layer?.blob }]);
    expect((await verify(other, "v1")).ok).toBe(true);
  });

  it("takes layers from the cache of the host for another repository", async () => {
    const tar = await base();
    await pushImage(repository, [tar], { tag: "v1" });
    await convert(repository, "v1");
    const other = client.repository(registry.host, "other");
    await pushImage(other, [tar, await tarOf([{ name: "x", content: "x" }])], { tag: "v1" });
    expect((await convert(other, "v1")).layers.map(({ reused }) => reused)).toEqual([true, false]);
    expect((await verify(other, "v1")).ok).toBe(true);
  });

  it("lists a layer that occurs twice twice, and stores it once", async () => {
    const tar = await base();
    await pushImage(repository, [tar, await tarOf([{ name: "bin/.wh.server" }]), tar], { tag: "v1" });
    const { layers } = await convert(repository, "v1");
    expect(layers[0]).toEqual(layers[2]);
    const overview = await inspectImage({ repository, target: "v1", reference: "v1" });
    expect(overview.files).toMatchObject({ files: 2, symlinks: 1, contentBytes: 3_000_005 });
    expect((await verify(repository, "v1")).ok).toBe(true);
  });

  it("moves the tag of the target last, when the artifact is there", async () => {
    await pushImage(repository, [await base()], { tag: "v1" });
    const target = client.repository(registry.host, "target");
    const before = registry.requests.length;
    await convert(repository, "v1", { to: { repository: target, tag: "release" } });
    const writes = registry.requests.slice(before).filter(({ method }) => method !== "GET" && method !== "HEAD");
    expect(writes.at(-1)).toMatchObject({ method: "PUT", path: expect.stringMatching(/target\/manifests\/release$/) });
    expect(writes.filter(({ path }) => path.endsWith("/manifests/release"))).toHaveLength(1);
  });

  it("copies the image to the target, byte for byte, and attaches the artifact there", async () => {
    const image = await pushImage(repository, [await base()], { tag: "v1", docker: true });
    const layout = new ImageLayout(join(directory, "layout"));
    const result = await convert(repository, "v1", { to: { repository: layout, tag: "copy" } });
    expect((await layout.getManifest("copy")).digest).toBe(image.digest);
    expect(await repository.referrers(image.digest)).toEqual([]);
    expect(await verify(layout, "copy")).toMatchObject({ ok: true });
    const [attached] = await layout.referrers(image.digest, { artifactType: sluiceMediaTypes.artifact });
    expect(attached?.digest).toBe(result.artifact.digest);
    await pushImage(layout, [await base()], { tag: "other" });
    const back = await convert(layout, "other", { to: { repository, tag: "from-layout" } });
    expect((await verify(repository, "from-layout")).ok).toBe(true);
    expect(back.source.digest).toBe((await repository.getManifest("from-layout")).digest);
  });

  it("converts the linux/amd64 child of an index, and lists the artifact on that child", async () => {
    const amd64 = await pushImage(repository, [await base()]);
    const arm64 = await pushImage(repository, [await base()], { architecture: "arm64" });
    const index = createImageIndex([
      { ...descriptorOfManifest(arm64), platform: { os: "linux", architecture: "arm64" } },
      { ...descriptorOfManifest(amd64), platform: { os: "linux", architecture: "amd64" } },
    ]);
    await repository.pushManifest(index, { tag: "multi" });
    const result = await convert(repository, "multi");
    expect(result.source.digest).toBe(amd64.digest);
    expect(await repository.referrers(arm64.digest)).toEqual([]);
  });

  it("tells its progress in fractions that rise to 1", async () => {
    await pushImage(repository, [await base()], { tag: "v1" });
    const fractions: number[] = [];
    await convert(repository, "v1", { onProgress: ({ fraction }) => void fractions.push(fraction) });
    expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
    expect([fractions[0], fractions.at(-1)]).toEqual([0, 1]);
  });
});

describe("convertImage, what it refuses", () => {
  const refused = async (target: string, code: string): Promise<void> => {
    const before = registry.requests.length;
    const error = await convert(repository, target).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConversionError);
    expect(error).toMatchObject({ code });
    const methods = registry.requests.slice(before).map(({ method }) => method);
    expect(methods.filter((method) => method !== "GET" && method !== "HEAD")).toEqual([]);
  };

  it("RESOURCE_NOT_FOUND: a tag that is not there", () => refused("nothing", "RESOURCE_NOT_FOUND"));

  it("UNSUPPORTED_PLATFORM: an image for another machine", async () => {
    await pushImage(repository, [await base()], { tag: "arm", architecture: "arm64" });
    await pushImage(repository, [await base()], { tag: "windows", os: "windows" });
    await refused("arm", "UNSUPPORTED_PLATFORM");
    await refused("windows", "UNSUPPORTED_PLATFORM");
  });

  it("UNSUPPORTED_PLATFORM: another platform asked for", async () => {
    await expect(convert(repository, "v1", { platform: "linux/arm64" })).rejects.toMatchObject({
      code: "UNSUPPORTED_PLATFORM",
    });
  });

  it("NO_SUPPORTED_PLATFORM_FOUND: an index without linux/amd64, an empty one too", async () => {
    const arm64 = await pushImage(repository, [await base()], { architecture: "arm64" });
    const platform = { os: "linux", architecture: "arm64" };
    await repository.pushManifest(createImageIndex([{ ...descriptorOfManifest(arm64), platform }]), { tag: "arm" });
    await repository.pushManifest(createImageIndex([]), { tag: "empty" });
    await refused("arm", "NO_SUPPORTED_PLATFORM_FOUND");
    await refused("empty", "NO_SUPPORTED_PLATFORM_FOUND");
  });

  it("UNSUPPORTED_MEDIATYPE: a layer of a kind that nobody unpacks", async () => {
    await pushImage(repository, [await base()], { tag: "odd", layerMediaType: "application/vnd.in-toto+json" });
    await refused("odd", "UNSUPPORTED_MEDIATYPE");
  });

  it("UNSUPPORTED_ARTIFACT_TYPE: a streaming artifact, another artifact", async () => {
    await pushImage(repository, [await base()], { tag: "v1" });
    const { artifact } = await convert(repository, "v1");
    await refused(artifact.digest, "UNSUPPORTED_ARTIFACT_TYPE");
    const other = { tag: "sbom", artifactType: "application/spdx+json", configMediaType: ociMediaTypes.empty };
    await pushImage(repository, [await base()], other);
    await refused("sbom", "UNSUPPORTED_ARTIFACT_TYPE");
  });

  it("IMAGE_NOT_RUNNABLE: no image config, no layers, other DiffIDs than layers", async () => {
    await pushImage(repository, [], { tag: "chart", configMediaType: "application/vnd.cncf.helm.config.v1+json" });
    await pushImage(repository, [], { tag: "empty" });
    await pushImage(repository, [await base()], { tag: "wrong", diffIds: [] });
    for (const tag of ["chart", "empty", "wrong"]) await refused(tag, "IMAGE_NOT_RUNNABLE");
  });
});

describe("convertImage, when something goes wrong", () => {
  const left = async (): Promise<string[]> => {
    const root = join(directory, "root");
    const temporary = await readdir(join(root, "tmp")).catch(() => []);
    return [...temporary, ...(await readdir(join(root, "convert-cache", "new")).catch(() => []))];
  };

  it.each([
    ["a wrong DiffID", async () => ({ tars: [await base()], diffIds: [`sha256:${"0".repeat(64)}`] }), /has DiffID/],
    [
      "a wrong DiffID where a layer comes the second time",
      async () => {
        const tar = await base();
        return { tars: [tar, tar], diffIds: [sha256Of(tar), `sha256:${"0".repeat(64)}`] };
      },
      /two DiffIDs/,
    ],
    [
      "a hostile name",
      async () => ({ tars: [await tarOf([{ name: "../../etc/passwd", content: "x" }])] }),
      /"\.\." comp/,
    ],
    [
      "a hard link to nothing",
      async () => ({ tars: [await tarOf([{ name: "hard", type: "link", linkname: "nothing" }])] }),
      /\/hard: a hard link to \/nothing, which is not there/,
    ],
    [
      "a truncated layer",
      async () => {
        const tar = await base();
        return { tars: [tar], packed: [gzipSync(tar).subarray(0, 100_000)] };
      },
      /not a whole gzip stream/,
    ],
  ])("refuses %s, pushes nothing and leaves nothing behind", async (_, make, message) => {
    const { tars, ...options } = await make();
    const image = await pushImage(repository, tars, { tag: "bad", ...options });
    const before = registry.requests.length;
    const failed = convert(repository, "bad");
    await expect(failed).rejects.toThrow(LayerInvalidError);
    await expect(failed).rejects.toThrow(message);
    await expect(failed).rejects.toThrow(image.layers[0]?.digest ?? "?");
    expect(registry.requests.slice(before).some(({ method }) => method === "POST" || method === "PUT")).toBe(false);
    expect(await left()).toEqual([]);
  });

  it("stops at once when it is cancelled, with the caller's reason, and leaves nothing behind", async () => {
    const image = await pushImage(repository, [await tarOf([noiseFile("large", 20_000_000)])], { tag: "v1" });
    registry.faults.add({
      fault: { kind: "slow", bytesPerSecond: 20_000_000 },
      when: ({ method }) => method === "GET",
    });
    const stop = new AbortController();
    const converting = convert(repository, "v1", {
      signal: stop.signal,
      onProgress: ({ kind }) => {
        if (kind === "reading") stop.abort(new Error("the user pressed Ctrl-C"));
      },
    });
    await expect(converting).rejects.toThrow("the user pressed Ctrl-C");
    expect(await left()).toEqual([]);
    expect(await repository.referrers(image.digest)).toEqual([]);
  });

  it("names the damaged chunk and the layer when a blob in the registry rots", async () => {
    await pushImage(repository, [await base()], { tag: "v1" });
    const { layers } = await convert(repository, "v1");
    const blobs = registry.store.repository("app").blobs;
    const digest = layers[0]?.blob ?? "sha256:";
    for (const [name, bytes] of blobs) if (name === digest) bytes[2_000_000] = (bytes[2_000_000] ?? 0) ^ 1;
    const result = await verify(repository, "v1");
    expect(result.ok).toBe(false);
    expect(result.layers.map(({ ok }) => ok)).toEqual([false]);
    expect(result.problems.join()).toMatch(new RegExp(`layer 1, blob ${digest}: .*chunk [0-9]+`));
  });
});
