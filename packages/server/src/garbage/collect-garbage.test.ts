import { mkdtemp, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  createImageIndex,
  createImageManifest,
  emptyBlob,
  emptyDescriptor,
  ociMediaTypes,
  sha256Of,
  sluiceMediaTypes,
} from "@sluice/oci";
import { FileSystemBlobStore } from "@sluice/store";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LevelMetadataStore } from "../metadata/level-metadata-store.js";
import { describeManifest } from "../registry/manifest-description.js";
import { parseTag } from "../registry/manifest-reference.js";
import { parseRepositoryName, type RepositoryName } from "../registry/repository-name.js";
import { type Collection, collectGarbage } from "./collect-garbage.js";
import { linkStoredBlob } from "./link-stored-blob.js";
import { measureUsage } from "./usage.js";

const [app, other] = [parseRepositoryName("app"), parseRepositoryName("other")];

describe("a collection", () => {
  let folder: string;
  let metadata: LevelMetadataStore;
  let blobs: FileSystemBlobStore;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-garbage-"));
    metadata = await LevelMetadataStore.open(join(folder, "metadata"));
    blobs = await FileSystemBlobStore.open(join(folder, "blobs"));
    await push(app, Buffer.from(emptyBlob).toString());
  });
  afterEach(async () => {
    await metadata[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const push = async (repository: RepositoryName, text: string) => {
    const digest = sha256Of(text);
    await blobs.put({ digest }, Readable.from([Buffer.from(text)]));
    await linkStoredBlob(metadata, blobs, repository, digest);
    return { mediaType: ociMediaTypes.layer, digest, size: text.length };
  };
  const put = async (repository: RepositoryName, bytes: Uint8Array) => {
    const { digest, mediaType } = describeManifest(bytes, undefined, { kind: "tag", tag: parseTag("any") });
    const manifest = describeManifest(bytes, mediaType, { kind: "digest", digest });
    expect(await metadata.putManifest(repository, manifest, [])).toEqual([]);
    return { mediaType, digest, size: bytes.byteLength };
  };
  const image = async (layer: string, fields: object = {}) =>
    createImageManifest({ config: emptyDescriptor, layers: [await push(app, layer)], ...fields }).bytes;
  /** Without grace: what was put this millisecond counts as old. */
  const collect = (options: { dryRun?: boolean; graceMs?: number } = {}): Promise<Collection> =>
    collectGarbage(metadata, blobs, { graceMs: -1000, dryRun: false, ...options });

  it("keeps what manifests name: of images without a tag, of children of an index, of referrers and of what another repository holds", async () => {
    const child = await put(app, await image("child"));
    const parent = await put(app, createImageIndex([child]).bytes);
    await put(app, await image("referrer", { subject: parent, artifactType: "application/x.test" }));
    await push(other, "elsewhere");
    await push(app, "elsewhere");
    await metadata.putManifest(
      other,
      {
        ...describeManifest(await image("elsewhere"), undefined, { kind: "tag", tag: parseTag("t") }),
        blobs: [sha256Of("elsewhere")],
      },
      [],
    );
    await collect();
    for (const layer of ["child", "referrer", "elsewhere"]) expect(await blobs.has(sha256Of(layer))).toBe(true);
    expect(await metadata.hasBlob(app, sha256Of("elsewhere"))).toBe(false);
  });

  it("takes what a deleted manifest named alone, with its bytes", async () => {
    const kept = await put(app, await image("shared"));
    const doomed = await put(
      app,
      createImageManifest({ config: emptyDescriptor, layers: [await push(app, "shared"), await push(app, "alone")] })
        .bytes,
    );
    await metadata.deleteManifest(app, doomed.digest);
    expect(await collect()).toEqual({ unlinkedBlobs: 1, removedBlobs: 1, removedBytes: 5, dryRun: false });
    expect([await blobs.has(sha256Of("alone")), await blobs.has(sha256Of("shared"))]).toEqual([false, true]);
    expect(await metadata.manifest(app, kept.digest)).toBeDefined();
    expect(await collect()).toMatchObject({ unlinkedBlobs: 0, removedBlobs: 0 });
  });

  it("removes nothing that became garbage within the grace", async () => {
    await push(app, "about to be named");
    expect(await collect({ graceMs: 60_000 })).toMatchObject({ unlinkedBlobs: 0, removedBlobs: 0 });
    await metadata.unlinkBlob(app, sha256Of("about to be named"));
    expect(await collect({ graceMs: 60_000 })).toMatchObject({ removedBlobs: 0 });
  });

  it("takes a blob that is pushed again for young", async () => {
    await push(app, "again");
    await metadata.unlinkBlob(app, sha256Of("again"));
    await utimes(blobs.pathOf(sha256Of("again")), new Date(0), new Date(0));
    expect(await collect({ graceMs: 60_000, dryRun: true })).toMatchObject({ removedBlobs: 1 });
    await push(app, "again");
    await metadata.unlinkBlob(app, sha256Of("again"));
    expect(await collect({ graceMs: 60_000 })).toMatchObject({ removedBlobs: 0 });
  });

  it("tells in a dry run what it would remove, and removes it not", async () => {
    await put(app, await image("kept"));
    await push(app, "unnamed");
    await push(app, "twice");
    await push(other, "twice");
    const wanted = { unlinkedBlobs: 3, removedBlobs: 2, removedBytes: 12 };
    expect(await collect({ dryRun: true })).toEqual({ ...wanted, dryRun: true });
    expect(await blobs.has(sha256Of("unnamed"))).toBe(true);
    expect(await collect()).toEqual({ ...wanted, dryRun: false });
  });

  it("that has taken the bytes makes whoever links them push again", async () => {
    await expect(linkStoredBlob(metadata, blobs, app, sha256Of("gone"))).rejects.toMatchObject({ status: 503 });
    expect(await metadata.hasBlob(app, sha256Of("gone"))).toBe(false);
  });

  it("leaves the link of a push that was acknowledged while a mount of the blob looked for its bytes", async () => {
    const digest = sha256Of("both");
    let pushed: Promise<unknown> | undefined;
    const looking = Object.create(blobs, {
      has: {
        value: async () => {
          const isThere = await blobs.has(digest);
          pushed = push(app, "both");
          // Long enough for a push that nothing holds up to be acknowledged first.
          await Promise.race([pushed, new Promise((resolve) => setTimeout(resolve, 200))]);
          return isThere;
        },
      },
    });
    await expect(linkStoredBlob(metadata, looking, app, digest)).rejects.toMatchObject({ status: 503 });
    await pushed;
    expect(await metadata.hasBlob(app, digest)).toBe(true);
  });

  it("leaves usage that tells originals from streaming artifacts", async () => {
    const source = await put(app, await image("source"));
    const bytes = await image("streaming layer", { subject: source, artifactType: sluiceMediaTypes.artifact });
    const artifact = await put(app, bytes);
    await push(app, "unnamed");
    const usage = await measureUsage(metadata, blobs);
    expect(usage.repositories).toEqual([
      {
        repository: "app",
        originalBytes: source.size + 2 + "source".length,
        streamingBytes: artifact.size + "streaming layer".length,
        unusedBytes: 7,
        manifests: 2,
      },
    ]);
    expect(usage.storedBytes).toBe(2 + "source".length + "streaming layer".length + 7);
  });
});
