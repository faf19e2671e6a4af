import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertImage, verifyImage } from "@sluice/converter";
import {
  blobKind,
  compressFrame,
  decodeToc,
  encodeBlobTail,
  encodeToc,
  footerDigest,
  footerOf,
  SeekTableBuilder,
} from "@sluice/disk";
import { startupTable } from "@sluice/disk/testing";
import {
  createImageManifest,
  type Descriptor,
  ImageLayout,
  type ImageManifest,
  sha256Of,
  sluiceMediaTypes,
} from "@sluice/oci";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { noiseFile, pushImage, tarOf } from "../support/pushed-image.js";

let directory: string;
let repository: ImageLayout;
let tars: Buffer[];
let artifact: ImageManifest;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-verify-"));
  repository = new ImageLayout(join(directory, "layout"));
  tars = [await tarOf([noiseFile("bin/sh", 40_000)]), await tarOf([noiseFile("bin/sh", 40_000)])];
  await pushImage(repository, tars, { tag: "v1" });
  artifact = await convert("v1");
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const place = (target: string) => ({ repository, target, reference: target });

async function convert(tag: string): Promise<ImageManifest> {
  const result = await convertImage(place(tag), { root: join(directory, "root"), threads: 1 });
  const manifest = await repository.getManifest(result.artifact.digest);
  if (manifest.kind !== "image") throw new Error("an index");
  return manifest;
}

const verify = (tag = "v1") => verifyImage(place(tag), { root: join(directory, "root") });

async function push(bytes: Uint8Array, descriptor: Partial<Descriptor> = {}): Promise<Descriptor> {
  const blob = { digest: sha256Of(bytes), size: bytes.length };
  await repository.pushBlob(blob, async function* () {
    yield bytes;
  });
  return { mediaType: "", ...descriptor, ...blob };
}

async function read(blob: Descriptor | undefined): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  if (blob !== undefined) for await (const piece of repository.readBlob(blob)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Puts an artifact with these blobs in the place of the honest one. */
async function replaceArtifact(layers: readonly Descriptor[]): Promise<void> {
  await repository.deleteManifest(artifact.digest);
  const { artifactType, config, subject, annotations } = artifact;
  if (config === undefined) throw new Error("no config");
  await repository.pushManifest(
    createImageManifest({
      config,
      layers,
      annotations,
      ...(artifactType && { artifactType }),
      ...(subject && { subject }),
    }),
  );
}

describe("verifyImage", () => {
  it("refuses a blob that is proven for one layer and named for another", async () => {
    const [toc, metadata, first, second] = artifact.layers as [Descriptor, Descriptor, Descriptor, Descriptor];
    const keys = ["dev.sluice.layer.source", "dev.sluice.layer.diff-id"];
    const own = keys.map((key) => [key, second.annotations?.[key] ?? ""]);
    const lie = { ...first, annotations: { ...first.annotations, ...Object.fromEntries(own) } };
    await replaceArtifact([toc, metadata, first, lie]);
    const { ok, layers, problems } = await verify();
    expect([ok, ...layers.map((layer) => layer.ok)]).toEqual([false, true, false]);
    expect(problems.join()).toContain(sha256Of(tars[1] ?? ""));
  });

  it("takes a layer that is there twice", async () => {
    const [tar = Buffer.alloc(0)] = tars;
    await pushImage(repository, [tar, tar], { tag: "twice" });
    await convert("twice");
    expect(await verify("twice")).toMatchObject({ ok: true });
  });

  it.each([
    ["copies of the disk", 0, true],
    ["other bytes than the disk", 1, false],
  ])("reads the startup blob: one with %s", async (_, change, ok) => {
    const [tocBlob, metadata, ...layers] = artifact.layers as [Descriptor, Descriptor, ...Descriptor[]];
    const toc = decodeToc(await read(tocBlob), { digest: tocBlob.digest });
    const region = toc.regions[1];
    const blocks = 3;
    const start = (region?.startBlock ?? 0) + 2;
    const content = fileOf(tars[0] ?? Buffer.alloc(0));
    const bytes = Buffer.concat([content.subarray(4 * 4096, 5 * 4096), content.subarray(2 * 4096, 4 * 4096)]);
    bytes[5000] = (bytes[5000] ?? 0) ^ change;
    const frame = compressFrame(bytes);
    const hash = Buffer.from(sha256Of(bytes).slice("sha256:".length), "hex");
    const table = new SeekTableBuilder();
    table.add(0, frame.length, blocks, hash);
    const tail = { kind: blobKind.startup, framesEnd: frame.length, dataBlocks: blocks, seekTable: table.finish() };
    const parts: Uint8Array[] = [frame];
    for await (const piece of encodeBlobTail(tail)) parts.push(piece);
    const annotations = { "dev.sluice.footer.digest": footerDigest(footerOf(tail)) };
    const startup = await push(Buffer.concat(parts), { mediaType: sluiceMediaTypes.startup, annotations });
    const pieces = [
      { startBlock: start + 2, blocks: 1 },
      { startBlock: start, blocks: 2 },
    ];
    const rows = { ...startupTable([pieces], { blob: toc.blobs.length }), ...tail.seekTable };
    const blobs = [...toc.blobs, { kind: blobKind.startup, digest: startup.digest, sizeBytes: startup.size }];
    const withStartup = await push(encodeToc({ ...toc, blobs, startup: rows }), { mediaType: sluiceMediaTypes.toc });
    await replaceArtifact([withStartup, metadata, startup, ...layers]);
    const result = await verify();
    expect(result.ok).toBe(ok);
    if (!ok) expect(result.problems.join()).toMatch(/startup blob .*chunk 0/);
  });
});

/** The content of the only file of a tar. */
const fileOf = (tar: Buffer): Buffer => tar.subarray(512);
