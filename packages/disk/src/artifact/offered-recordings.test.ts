import {
  createImageManifest,
  type Descriptor,
  descriptorOfManifest,
  emptyBlob,
  emptyDescriptor,
  RegistryClient,
  type Repository,
  sha256Of,
  sluiceMediaTypes,
} from "@sluice/oci";
import { TestRegistry } from "@sluice/oci/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { maxRecordingBytes, type Recording } from "../startup/recording.js";
import { sampleRecording } from "../testing/samples.js";
import { InvalidArtifactError } from "./invalid-artifact-error.js";
import { offeredRecordings, offerRecording, readRecording } from "./offered-recordings.js";

const image = createImageManifest({ config: emptyDescriptor, layers: [] });
const subject = descriptorOfManifest(image);
const recordingOf = (seconds: number): Recording => ({ ...sampleRecording(), seconds });

let registry: TestRegistry;
let client: RegistryClient;
let repository: Repository;
let repositories = 0;
beforeAll(async () => {
  registry = await TestRegistry.start();
  client = new RegistryClient();
});
beforeEach(() => {
  repository = client.repository(registry.host, `app${repositories++}`);
});
afterAll(async () => {
  await client.close();
  await registry[Symbol.asyncDispose]();
});

const push = async (bytes: Uint8Array, mediaType: string): Promise<Descriptor> => {
  const blob = { mediaType, digest: sha256Of(bytes), size: bytes.byteLength };
  await repository.pushBlob(blob, async function* () {
    yield bytes;
  });
  return blob;
};

/** Offers whatever the layers are. */
async function offerLayers(layers: readonly Descriptor[]): Promise<void> {
  await push(emptyBlob, emptyDescriptor.mediaType);
  const artifactType = sluiceMediaTypes.recordingArtifact;
  await repository.pushManifest(createImageManifest({ artifactType, config: emptyDescriptor, subject, layers }));
}

describe("offered recordings", () => {
  it("are found by the image they were offered for, and by no other", async () => {
    for (const seconds of [1, 2, 3]) await offerRecording(repository, subject, recordingOf(seconds));
    const found = await offeredRecordings(repository, image.digest);
    expect(found.map(({ seconds }) => seconds).sort()).toEqual([1, 2, 3]);
    expect(found).toEqual(await offeredRecordings(repository, image.digest));
    expect(await offeredRecordings(repository, sha256Of("another image"))).toEqual([]);
  });

  it("are one when they are equal, however often they are offered", async () => {
    const digest = await offerRecording(repository, subject, recordingOf(1));
    expect(await offerRecording(repository, subject, recordingOf(1))).toBe(digest);
    expect(await offeredRecordings(repository, image.digest)).toEqual([recordingOf(1)]);
  });

  it("are passed over when they are none", async () => {
    await offerRecording(repository, subject, recordingOf(1));
    await offerLayers([await push(Buffer.from("<html>"), sluiceMediaTypes.recording)]);
    await offerLayers([await push(Buffer.from("layer"), sluiceMediaTypes.layer)]);
    await offerLayers([]);
    await offerLayers([{ mediaType: sluiceMediaTypes.recording, digest: sha256Of("gone"), size: 4 }]);
    await offerLayers([{ mediaType: sluiceMediaTypes.recording, digest: sha256Of("x"), size: maxRecordingBytes + 1 }]);
    expect(await offeredRecordings(repository, image.digest)).toEqual([recordingOf(1)]);
  });

  it("are not made of what breaks a rule", async () => {
    const bad = { ...recordingOf(1), seconds: -1 };
    await expect(offerRecording(repository, subject, bad)).rejects.toThrow(/recording, seconds/);
    expect(await offeredRecordings(repository, image.digest)).toEqual([]);
  });

  it("end with the reason of the caller who left", async () => {
    const signal = AbortSignal.abort(new Error("left"));
    await expect(offeredRecordings(repository, image.digest, { signal })).rejects.toThrow("left");
  });
});

describe("a recording in an artifact", () => {
  it("is not read when it is larger than any", async () => {
    const blob = { mediaType: sluiceMediaTypes.recording, digest: sha256Of("x"), size: maxRecordingBytes + 1 };
    await expect(readRecording(repository, blob)).rejects.toThrow(InvalidArtifactError);
  });
});
