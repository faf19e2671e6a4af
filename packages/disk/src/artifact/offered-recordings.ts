import {
  type AbortOptions,
  createImageManifest,
  type Descriptor,
  type Digest,
  emptyBlob,
  emptyDescriptor,
  InvalidDocumentError,
  isNotFound,
  type Repository,
  readBounded,
  sha256Of,
  sluiceMediaTypes,
} from "@sluice/oci";
import { InvalidFormatError } from "../invalid-format-error.js";
import { decodeRecording, encodeRecording, maxRecordingBytes, type Recording } from "../startup/recording.js";
import { InvalidArtifactError } from "./invalid-artifact-error.js";

/** Offers that are looked at; who fills the list costs a merge no more. */
const maxOffers = 64;

/**
 * Offers what a start touched to whoever optimises the image: pushes it as a referrer of the image. The same recording is the same offer. docs/format.md §7
 *
 * @param subject the image's manifest, as the artifact's manifest names it
 * @returns the digest of the offer's manifest
 * @throws {InvalidFormatError} when the recording breaks a rule
 */
export async function offerRecording(
  repository: Repository,
  subject: Descriptor,
  recording: Recording,
  options?: AbortOptions,
): Promise<Digest> {
  const bytes = encodeRecording(recording);
  const blob = { mediaType: sluiceMediaTypes.recording, digest: sha256Of(bytes), size: bytes.byteLength };
  const { mediaType, digest, size } = subject;
  const manifest = createImageManifest({
    artifactType: sluiceMediaTypes.recordingArtifact,
    config: emptyDescriptor,
    subject: { mediaType, digest, size },
    layers: [blob],
  });
  await repository.pushBlob(blob, contentOf(bytes), options);
  await repository.pushBlob(emptyDescriptor, contentOf(emptyBlob), options);
  await repository.pushManifest(manifest, options);
  return manifest.digest;
}

/**
 * Recordings that were offered for an image, in the order of their manifests' digests, 64 at most. What is offered and is none is passed over.
 * Rejects when the list or a blob cannot be read.
 */
export async function offeredRecordings(
  repository: Repository,
  image: Digest,
  options?: AbortOptions,
): Promise<readonly Recording[]> {
  const asked = { ...options, artifactType: sluiceMediaTypes.recordingArtifact };
  const referrers = await repository.referrers(image, asked);
  const digests = [...new Set(referrers.map(({ digest }) => digest))].sort().slice(0, maxOffers);
  const recordings: Recording[] = [];
  for (const digest of digests) {
    try {
      recordings.push(await offered(repository, digest, options));
    } catch (error) {
      options?.signal?.throwIfAborted();
      if (!isFaultOfOffer(error)) throw error;
    }
  }
  return recordings;
}

/** A recording by its descriptor. @throws {InvalidFormatError} {InvalidArtifactError} */
export async function readRecording(
  repository: Repository,
  blob: Descriptor,
  options?: AbortOptions,
): Promise<Recording> {
  if (blob.size > maxRecordingBytes) {
    const problem = `recording ${blob.digest}: ${blob.size} bytes, at most ${maxRecordingBytes} are accepted`;
    throw new InvalidArtifactError(problem);
  }
  return decodeRecording(
    await readBounded(repository.readBlob(blob, options), maxRecordingBytes, `recording ${blob.digest}`),
  );
}

async function offered(repository: Repository, digest: Digest, options?: AbortOptions): Promise<Recording> {
  const manifest = await repository.getManifest(digest, options);
  const [blob] = manifest.kind === "image" ? manifest.layers : [];
  if (manifest.artifactType !== sluiceMediaTypes.recordingArtifact || blob?.mediaType !== sluiceMediaTypes.recording)
    throw new InvalidArtifactError(`${digest}: no recording`);
  return readRecording(repository, blob, options);
}

const isFaultOfOffer = (error: unknown): boolean =>
  error instanceof InvalidArtifactError ||
  error instanceof InvalidFormatError ||
  error instanceof InvalidDocumentError ||
  isNotFound(error);

const contentOf = (bytes: Uint8Array) =>
  async function* (): AsyncGenerator<Uint8Array> {
    yield bytes;
  };
