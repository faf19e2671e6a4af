import {
  type Descriptor,
  type Digest,
  type ImageManifest,
  isDigest,
  ociMediaTypes,
  sluiceMediaTypes,
} from "@sluice/oci";
import {
  type Artifact,
  type ArtifactBlob,
  type ArtifactLayer,
  annotation,
  artifactFormatVersion,
  maxRecordingBlobs,
} from "./artifact.js";
import { InvalidArtifactError } from "./invalid-artifact-error.js";
import { recordingsCount } from "./recordings-count.js";

/** @throws {InvalidArtifactError} naming the first thing in the manifest that is wrong */
export function parseArtifact(manifest: ImageManifest): Artifact {
  const name = nameOf(manifest);
  const subject = checkHead(manifest, name);
  const [toc, metadata, ...rest] = manifest.layers;
  requireType(toc, sluiceMediaTypes.toc, `${name}: layer 0`);
  requireType(metadata, sluiceMediaTypes.metadata, `${name}: layer 1`);
  const startup = rest[0]?.mediaType === sluiceMediaTypes.startup ? rest.shift() : undefined;
  const firstRecording = rest.findIndex(({ mediaType }) => mediaType === sluiceMediaTypes.recording);
  const recordingBlobs = firstRecording < 0 ? [] : rest.splice(firstRecording);
  const sizes = new Map(manifest.layers.map(({ digest, size }) => [digest, size]));
  return {
    manifest,
    digest: manifest.digest,
    subject,
    toc,
    metadata: blobOf(metadata, name),
    startup: startup && blobOf(startup, name),
    recordings: recordingsOf(manifest, startup, recordingBlobs),
    recordingBlobs,
    layers: rest.map((layer, i) => layerOf(layer, `${name}: layer blob ${i}`, name)),
    sizeBytes: manifest.bytes.byteLength + [...sizes.values()].reduce((sum, size) => sum + size, 0),
  };
}

export const nameOf = ({ digest }: { readonly digest: Digest }): string => `streaming artifact ${digest}`;

/** @returns the digest of its subject */
function checkHead({ artifactType, annotations, config, subject }: ImageManifest, name: string): Digest {
  if (artifactType !== sluiceMediaTypes.artifact) {
    const problem = `artifactType is ${JSON.stringify(artifactType)}, not ${sluiceMediaTypes.artifact}`;
    throw new InvalidArtifactError(`${name}: ${problem}`);
  }
  const version = annotations[annotation.formatVersion];
  if (version !== artifactFormatVersion) {
    const problem = `format version ${JSON.stringify(version?.slice(0, 40))}, this program reads ${artifactFormatVersion}`;
    throw new InvalidArtifactError(`${name}: ${problem}`, "UNKNOWN_VERSION");
  }
  if (config?.mediaType !== ociMediaTypes.empty) {
    throw new InvalidArtifactError(`${name}: its config is not the empty one`);
  }
  if (subject === undefined) throw new InvalidArtifactError(`${name}: it has no subject`);
  return subject.digest;
}

/** How many starts the startup blob was learned from. */
function recordingsOf(
  manifest: ImageManifest,
  startup: Descriptor | undefined,
  recordingBlobs: readonly Descriptor[],
): number {
  const name = nameOf(manifest);
  for (const [i, { mediaType }] of recordingBlobs.entries())
    requireType(recordingBlobs[i], sluiceMediaTypes.recording, `${name}: ${mediaType} behind the recordings`);
  const count = recordingsCount(manifest.annotations);
  if (count === undefined) {
    const found = JSON.stringify(manifest.annotations[annotation.startupRecordings]?.slice(0, 40));
    const problem = `${annotation.startupRecordings} is ${found}, no count`;
    throw new InvalidArtifactError(`${name}: ${problem}`);
  }
  if (count > 0 && startup === undefined) {
    throw new InvalidArtifactError(
      `${name}: ${annotation.startupRecordings} is ${count}, and there is no startup blob`,
    );
  }
  if (recordingBlobs.length > Math.min(count, maxRecordingBlobs)) {
    const most = Math.min(count, maxRecordingBlobs);
    throw new InvalidArtifactError(`${name}: ${recordingBlobs.length} recordings, expected at most ${most}`);
  }
  return count;
}

function blobOf(descriptor: Descriptor, name: string): ArtifactBlob {
  const footerDigest = descriptor.annotations?.[annotation.footerDigest];
  if (footerDigest === undefined || !isDigest(footerDigest)) {
    throw new InvalidArtifactError(`${name}: blob ${descriptor.digest} lacks a digest as ${annotation.footerDigest}`);
  }
  return { digest: descriptor.digest, sizeBytes: descriptor.size, footerDigest };
}

function layerOf(layer: Descriptor, what: string, name: string): ArtifactLayer {
  requireType(layer, sluiceMediaTypes.layer, what);
  const size = layer.annotations?.[annotation.uncompressedSize] ?? "";
  const uncompressedBytes = Number(size);
  if (!/^[0-9]{1,16}$/.test(size) || !Number.isSafeInteger(uncompressedBytes)) {
    throw new InvalidArtifactError(`${what}: ${annotation.uncompressedSize} is no size`);
  }
  return {
    ...blobOf(layer, name),
    source: digestIn(layer, annotation.layerSource, what),
    diffId: digestIn(layer, annotation.layerDiffId, what),
    uncompressedBytes,
  };
}

function digestIn(layer: Descriptor, key: string, what: string): Digest {
  const text = layer.annotations?.[key] ?? "";
  if (!isDigest(text)) throw new InvalidArtifactError(`${what}: ${key} is no digest`);
  return text;
}

function requireType(layer: Descriptor | undefined, mediaType: string, what: string): asserts layer is Descriptor {
  if (layer?.mediaType === mediaType) return;
  const problem = `media type ${JSON.stringify(layer?.mediaType)}, expected ${mediaType}`;
  throw new InvalidArtifactError(`${what}: ${problem}`);
}
