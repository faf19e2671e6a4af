import {
  createImageManifest,
  type Digest,
  descriptorOfManifest,
  emptyDescriptor,
  type ImageManifest,
  type Manifest,
  NotFoundError,
  type Repository,
  sha256Of,
  sluiceMediaTypes,
} from "@sluice/oci";
import { describe, expect, it } from "vitest";
import { annotation } from "./artifact.js";
import { findArtifact } from "./find-artifact.js";
import { InvalidArtifactError } from "./invalid-artifact-error.js";
import { parseArtifact } from "./parse-artifact.js";

const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar", digest: sha256Of("layer"), size: 10 };
const image = createImageManifest({ config: emptyDescriptor, layers: [layer] });
const source = { manifest: image, diffIds: [sha256Of("tar")] };

interface Made {
  readonly startup?: boolean;
  readonly recordings?: string;
  readonly recordingBlobs?: number;
  readonly version?: string;
  readonly diffId?: Digest;
  readonly layers?: number;
}

/** An artifact of the image; `name` makes its digest another one. */
function artifact(name: string, made: Made = {}): ImageManifest {
  const { startup = false, recordings, recordingBlobs = 0, version = "1", diffId, layers = 1 } = made;
  const footer = { [annotation.footerDigest]: sha256Of(name) };
  const blob = (mediaType: string, annotations: Record<string, string> = {}) => ({
    mediaType,
    digest: sha256Of(`${mediaType} of ${name}`),
    size: 7,
    annotations,
  });
  const ofLayer = {
    ...footer,
    [annotation.layerSource]: layer.digest,
    [annotation.layerDiffId]: diffId ?? sha256Of("tar"),
    [annotation.uncompressedSize]: "10",
  };
  return createImageManifest({
    artifactType: sluiceMediaTypes.artifact,
    config: emptyDescriptor,
    subject: descriptorOfManifest(image),
    layers: [
      blob(sluiceMediaTypes.toc),
      blob(sluiceMediaTypes.metadata, footer),
      ...(startup ? [blob(sluiceMediaTypes.startup, footer)] : []),
      ...Array.from({ length: layers }, () => blob(sluiceMediaTypes.layer, ofLayer)),
      ...Array.from({ length: recordingBlobs }, () => blob(sluiceMediaTypes.recording)),
    ],
    annotations: {
      [annotation.formatVersion]: version,
      ...(recordings !== undefined && { [annotation.startupRecordings]: recordings }),
    },
  });
}

/** A repository that lists these manifests for the image, and counts how many are read. */
function repositoryOf(manifests: readonly Manifest[], missing: readonly Digest[] = []) {
  const read: string[] = [];
  const repository: Pick<Repository, "referrers" | "getManifest"> = {
    referrers: async () => [
      ...manifests.map(descriptorOfManifest),
      ...missing.map((digest) => ({ ...emptyDescriptor, digest })),
    ],
    getManifest: async (digest) => {
      read.push(digest);
      const found = manifests.find((manifest) => manifest.digest === digest);
      if (found === undefined) throw new NotFoundError(`${digest} is not there`);
      return found;
    },
  };
  return { repository: repository as Repository, read };
}

const chosen = async (manifests: readonly Manifest[]): Promise<Digest | undefined> =>
  (await findArtifact(repositoryOf(manifests).repository, source)).artifact?.digest;

describe("findArtifact", () => {
  it("chooses one with a startup blob, then the one whose digest comes first, in whatever order they are listed", async () => {
    const plain = ["a", "b", "c"].map((name) => artifact(name));
    const [first] = plain.map(({ digest }) => digest).sort();
    expect(await chosen(plain)).toBe(first);
    expect(await chosen(plain.toReversed())).toBe(first);
    const started = artifact("d", { startup: true });
    expect(await chosen([...plain, started])).toBe(started.digest);
  });

  it("chooses the one learned from most starts, in whatever order they are listed", async () => {
    const predicted = artifact("predicted", { startup: true });
    const [ten, nine] = ["10", "9"].map((recordings) => artifact(recordings, { startup: true, recordings }));
    const all = [predicted, artifact("plain"), ...(ten && nine ? [nine, ten] : [])];
    expect(await chosen(all)).toBe(ten?.digest);
    expect(await chosen(all.toReversed())).toBe(ten?.digest);
    expect(await chosen(all.slice(0, 3))).toBe(nine?.digest);
  });

  it("looks first at what is listed with most recordings, and believes the manifest alone", async () => {
    const plain = Array.from({ length: 40 }, (_, i) => artifact(`${i}`)).sort((a, b) => (a.digest < b.digest ? -1 : 1));
    const learned = artifact("learned", { startup: true, recordings: "3" });
    const liar = plain[30];
    const { repository, read } = repositoryOf([...plain, learned]);
    const listed = (count: string) => ({ annotations: { [annotation.startupRecordings]: count } });
    const referrers = [
      ...plain.map(({ digest }) => ({ digest, ...(digest === liar?.digest ? listed("99") : listed("many")) })),
      { digest: learned.digest, ...listed("3") },
    ];
    expect((await findArtifact(repository, source, { referrers })).artifact?.digest).toBe(learned.digest);
    expect(read.slice(0, 2)).toEqual([liar?.digest, learned.digest]);
    expect(read).toHaveLength(1 + 16);
  });

  it("finds the good one behind hundreds that are not, and reads no further", async () => {
    const all = Array.from({ length: 400 }, (_, i) => `${i}`);
    const digests = new Map(all.map((name) => [artifact(name).digest, name]));
    const good = [...digests.keys()].sort()[300];
    const manifests = all.map((name) => {
      const right = artifact(name);
      return right.digest === good ? right : { ...artifact(name, { version: "2" }), digest: right.digest };
    });
    const { repository, read } = repositoryOf(manifests);
    const found = await findArtifact(repository, source);
    expect(found.artifact?.digest).toBe(good);
    expect(found.rejections.length).toBeGreaterThanOrEqual(300);
    expect(read.length).toBeLessThan(320);
  });

  it("reads at most 1,024, however many are listed", async () => {
    const missing = Array.from({ length: 3000 }, (_, i) => sha256Of(`${i}`));
    const { repository, read } = repositoryOf([], missing);
    const { artifact: found, rejections } = await findArtifact(repository, source);
    expect([found, rejections.length, read.length]).toEqual([undefined, 1024, 1024]);
  });

  it("takes 65 rounds at most, whatever the list says of recordings", async () => {
    const referrers = Array.from({ length: 3000 }, (_, i) => ({
      digest: sha256Of(`${i}`),
      annotations: { [annotation.startupRecordings]: `${i}` },
    }));
    let rounds = 0;
    let running = 0;
    const getManifest = async (digest: Digest): Promise<Manifest> => {
      if (running++ === 0) rounds++;
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      throw new NotFoundError(`${digest} is not there`);
    };
    const repository = { getManifest } as unknown as Repository;
    const { rejections } = await findArtifact(repository, source, { referrers });
    expect([rejections.length, rounds]).toEqual([1024, 65]);
  });

  it("looks at what is listed with most recordings alone, and at the rest together", async () => {
    const made = ["3", "2", "1"].map((recordings) => artifact(recordings, { startup: true, recordings }));
    const lie = sha256Of("lie");
    const { repository, read } = repositoryOf(made);
    const referrers = [...made, { digest: lie, annotations: { [annotation.startupRecordings]: "9" } }];
    const found = await findArtifact(repository, source, { referrers });
    expect(found.artifact?.recordings).toBe(3);
    expect([read[0], read.length]).toEqual([lie, 4]);
  });

  it.each<[string, ImageManifest, RegExp]>([
    ["another DiffID", artifact("x", { diffId: sha256Of("other") }), /layer\.diff-id is sha256:.*, the image's is/],
    ["a layer too many", artifact("x", { layers: 2 }), /2 layer blobs for an image of 1/],
    ["another version", artifact("x", { version: "2" }), /format version "2"/],
  ])("passes over one with %s, and says why", async (_, bad, message) => {
    const good = artifact("good");
    expect(await chosen([bad, good])).toBe(good.digest);
    const { artifact: found, rejections } = await findArtifact(repositoryOf([bad]).repository, source);
    expect(found).toBeUndefined();
    expect(rejections).toEqual([expect.any(InvalidArtifactError)]);
    expect(`${rejections[0]}`).toMatch(message);
  });

  it("passes over what the caller does not accept", async () => {
    const { repository } = repositoryOf([artifact("a"), artifact("b")]);
    const { artifact: first } = await findArtifact(repository, source);
    const accept = async ({ digest }: { digest: Digest }): Promise<void> => {
      if (digest === first?.digest) throw new Error("not this one");
    };
    const { artifact: second, rejections } = await findArtifact(repository, source, { accept });
    expect(second?.digest).not.toBe(first?.digest);
    expect(rejections).toEqual([new Error("not this one")]);
  });

  it("rejects with the reason of the caller who left", async () => {
    const { repository } = repositoryOf([artifact("a")]);
    const signal = AbortSignal.abort(new Error("left"));
    await expect(findArtifact(repository, source, { signal })).rejects.toThrow("left");
  });
});

describe("parseArtifact", () => {
  const good = artifact("good", { startup: true });
  const changed = (change: Partial<ImageManifest>): ImageManifest => ({ ...good, ...change });

  it("reads every blob of the manifest, and their sizes together", () => {
    const parsed = parseArtifact(good);
    expect(parsed).toMatchObject({ digest: good.digest, subject: image.digest, toc: good.layers[0] });
    expect(parsed.layers).toMatchObject([{ source: layer.digest, diffId: sha256Of("tar"), uncompressedBytes: 10 }]);
    expect([parsed.metadata.digest, parsed.startup?.digest]).toEqual([good.layers[1]?.digest, good.layers[2]?.digest]);
    expect(parsed.sizeBytes).toBe(good.bytes.byteLength + 4 * 7);
  });

  it("says how many starts the startup blob was learned from, and which recordings it carries", () => {
    const parsed = parseArtifact(artifact("x", { startup: true, recordings: "20", recordingBlobs: 2 }));
    expect([parsed.recordings, parsed.recordingBlobs.length, parsed.layers.length]).toEqual([20, 2, 1]);
    expect(parseArtifact(good)).toMatchObject({ recordings: 0, recordingBlobs: [] });
  });

  it.each([
    ["another artifact type", changed({ artifactType: "application/x" }), /artifactType is "application\/x"/],
    ["no subject", changed({ subject: undefined }), /no subject/],
    ["a config that is not empty", changed({ config: layer }), /its config is not the empty one/],
    [
      "a count that is none",
      artifact("x", { startup: true, recordings: "-1" }),
      /startup\.recordings is "-1", no count/,
    ],
    ["starts and no startup blob", artifact("x", { recordings: "1" }), /is 1, and there is no startup blob/],
    [
      "more recordings than starts",
      artifact("x", { startup: true, recordings: "1", recordingBlobs: 2 }),
      /2 recordings, expected at most 1/,
    ],
    [
      "more recordings than it may carry",
      artifact("x", { startup: true, recordings: "99", recordingBlobs: 17 }),
      /17 recordings, expected at most 16/,
    ],
    [
      "a layer behind the recordings",
      changed({ layers: [...good.layers, { ...layer, mediaType: sluiceMediaTypes.recording }, layer] }),
      /behind the recordings: media type/,
    ],
    ["no TOC", changed({ layers: good.layers.slice(1) }), /layer 0: media type/],
    ["no metadata", changed({ layers: good.layers.slice(0, 1) }), /layer 1: media type undefined/],
    [
      "a layer without a size",
      changed({ layers: good.layers.with(3, { ...layer, mediaType: sluiceMediaTypes.layer }) }),
      /layer blob 0: dev\.sluice\.uncompressed\.size is no size/,
    ],
    [
      "a blob without a footer",
      changed({ layers: good.layers.with(1, { ...layer, mediaType: sluiceMediaTypes.metadata }) }),
      /lacks a digest as dev\.sluice\.footer\.digest/,
    ],
  ])("refuses a manifest with %s", (_, manifest, message) => {
    expect(() => parseArtifact(manifest)).toThrow(InvalidArtifactError);
    expect(() => parseArtifact(manifest)).toThrow(message);
  });
});
