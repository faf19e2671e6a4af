import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertImage, optimizeImage, verifyImage } from "@sluice/converter";
import { decodeToc, encodeRecording, type RecordedDisk, type Recording } from "@sluice/disk";
import { type Artifact, findArtifact, offerRecording } from "@sluice/disk/artifact";
import {
  descriptorOfManifest,
  type ImageManifest,
  parseImageConfig,
  RegistryClient,
  type Repository,
  readBounded,
} from "@sluice/oci";
import { TestRegistry } from "@sluice/oci/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { pushSmallImage } from "../support/small-image.js";

/** Where the data of the first layer start on the disk. Blocks. docs/format.md §5 */
const dataStart = 2 ** 18;

let root: string;
let registry: TestRegistry;
let client: RegistryClient;
let repository: Repository;
let repositories = 0;
let manifest: ImageManifest;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "sluice-optimize-"));
  registry = await TestRegistry.start();
  client = new RegistryClient();
});
afterAll(async () => {
  await client.close();
  await registry[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});
beforeEach(async () => {
  repository = client.repository(registry.host, `app${repositories++}`);
  const content = Buffer.from(Array.from({ length: 300 * 4096 }, (_, i) => (i >> 12) + (i % 7)));
  await pushSmallImage(repository, "1", { layers: [[{ name: "big", content }]] });
  await convertImage(place(), { root, threads: 1 });
  const found = await repository.getManifest("1");
  if (found.kind !== "image") throw new Error("no image");
  manifest = found;
});

const place = () => ({ repository, target: "1", reference: `${repository.name}:1` });
const optimize = (recordings: readonly Recording[], fromOffered = false) =>
  optimizeImage(place(), recordings.map(encodeRecording), { root, threads: 1, fromOffered });

/** The artifact that a node takes. */
async function chosen(): Promise<Artifact> {
  const { config } = manifest;
  if (config === undefined) throw new Error("no config");
  const { diffIds } = parseImageConfig(await readBounded(repository.readBlob(config), config.size, "config"), "config");
  const { artifact } = await findArtifact(repository, { manifest, diffIds });
  if (artifact === undefined) throw new Error("no artifact");
  return artifact;
}

async function startOf(artifact: Artifact): Promise<[number, number][]> {
  const { digest, size } = artifact.toc;
  const { startup } = decodeToc(await readBounded(repository.readBlob(artifact.toc), size, "TOC"), { digest });
  return [...startup.pieceStartBlock].map((start, i) => [start, startup.pieceBlocks[i] ?? 0]);
}

const diskOf = ({ metadata, layers }: Artifact): RecordedDisk => ({
  metadata: metadata.digest,
  layers: layers.map(({ digest }) => digest),
});
const recordingOf = (disk: RecordedDisk, ...blocks: readonly number[]): Recording => ({
  disk,
  seconds: 1,
  runs: blocks.map((startBlock, i) => ({ startBlock, blocks: 1, milliseconds: i })),
});

describe("an image that is optimised", () => {
  it("has an artifact that nodes choose, with the pages of the start alone, and the same blobs else", async () => {
    const before = await chosen();
    const recording = recordingOf(diskOf(before), dataStart + 100, 0, dataStart + 3, dataStart + 101);
    const result = await optimize([recording]);
    const after = await chosen();
    expect(after.digest).toBe(result.artifact.digest);
    expect(after.recordings).toBe(1);
    expect(diskOf(after)).toEqual(diskOf(before));
    expect(await startOf(after)).toEqual([
      [0, 1],
      [dataStart + 3, 1],
      [dataStart + 100, 2],
    ]);
    expect(result).toMatchObject({ recordings: 1, newRecordings: 1, startup: { dataBytes: 4 * 4096, chunks: 1 } });
    expect(await verifyImage(place(), { root })).toMatchObject({ ok: true, problems: [] });
  });

  it("learns from one start after the other, and from the same one once", async () => {
    const disk = diskOf(await chosen());
    const first = recordingOf(disk, dataStart, dataStart + 50);
    await optimize([first]);
    expect(await optimize([recordingOf(disk, dataStart + 200)])).toMatchObject({ recordings: 2, newRecordings: 1 });
    expect(await optimize([first])).toMatchObject({ recordings: 2, newRecordings: 0 });
    const artifact = await chosen();
    expect([artifact.recordings, artifact.recordingBlobs.length]).toEqual([2, 2]);
    expect((await startOf(artifact)).map(([start]) => start - dataStart).sort((a, b) => a - b)).toEqual([0, 50, 200]);
  });

  it("gives the same artifact for the same starts", async () => {
    const disk = diskOf(await chosen());
    const recordings = [recordingOf(disk, dataStart + 7), recordingOf(disk, dataStart + 9)];
    const { artifact } = await optimize(recordings);
    expect((await optimize(recordings)).artifact.digest).toBe(artifact.digest);
  });

  it("counts all starts and carries the last sixteen", async () => {
    const disk = diskOf(await chosen());
    const starts = Array.from({ length: 18 }, (_, i) => recordingOf(disk, dataStart, dataStart + 20 + i));
    expect(await optimize(starts)).toMatchObject({ recordings: 18, newRecordings: 18 });
    const artifact = await chosen();
    expect(artifact.recordingBlobs.length).toBe(16);
    expect(await startOf(artifact)).toEqual([[dataStart, 1]]); // the others were touched by one start each
  });

  it("learns from what nodes have offered, when it is asked to", async () => {
    const disk = diskOf(await chosen());
    await offerRecording(repository, descriptorOfManifest(manifest), recordingOf(disk, dataStart + 11));
    await offerRecording(
      repository,
      descriptorOfManifest(manifest),
      recordingOf({ ...disk, layers: [] }, dataStart + 12),
    );
    await expect(optimize([])).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    expect(await optimize([], true)).toMatchObject({ recordings: 1, newRecordings: 1 });
    expect(await startOf(await chosen())).toEqual([[dataStart + 11, 1]]);
  });

  it("is left alone when nothing of it was recorded", async () => {
    const before = await chosen();
    const other = recordingOf({ ...diskOf(before), layers: [] }, dataStart);
    await expect(optimize([other])).rejects.toThrow(/no start of it is recorded/);
    await expect(optimize([recordingOf(diskOf(before))])).rejects.toThrow(/no start of it is recorded/);
    await expect(optimize([recordingOf(diskOf(before), 10_000)])).rejects.toThrow(/no start of it is recorded/);
    await expect(optimizeImage(place(), [Buffer.from("{}")], { root })).rejects.toThrow(/recording, version/);
    expect((await chosen()).digest).toBe(before.digest);
  });
});
