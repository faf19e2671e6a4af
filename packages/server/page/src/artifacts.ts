import { AnswerError, listAt, numberAt } from "./document.js";
import { type Descriptor, listReferrers, type Manifest, readDocument, readManifest } from "./manifests.js";
import type { Registry } from "./registry.js";

/** docs/format.md §6 */
const artifactType = "application/vnd.sluice.image.v1";
const mediaType = {
  toc: "application/vnd.sluice.toc.v1+zstd",
  metadata: "application/vnd.sluice.metadata.v1+zstd",
  startup: "application/vnd.sluice.startup.v1+zstd",
  recording: "application/vnd.sluice.recording.v1+json",
} as const;
const recordingsAnnotation = "dev.sluice.startup.recordings";
/** docs/format.md §2 */
const blockBytes = 4096;

export const isStreaming = (referrer: Pick<Descriptor, "artifactType">): boolean =>
  referrer.artifactType === artifactType;

/** What a start of the image is known to take. */
export interface StartFigures {
  /** What a node fetches before anything is read: the table of contents, and the startup blob or the metadata. Bytes. */
  readonly firstBytes: number;
  /** Starts that the startup blob was learned from; 0: it was predicted from the image alone. */
  readonly recordings: number;
  readonly hasStartupBlob: boolean;
}

export function startFiguresOf(artifact: Manifest): StartFigures {
  const bytesOf = (type: string): number =>
    artifact.layers.filter((layer) => layer.mediaType === type).reduce((sum, { size }) => sum + size, 0);
  const recordings = Number(artifact.annotations[recordingsAnnotation] ?? 0);
  const startupBytes = bytesOf(mediaType.startup);
  return {
    firstBytes: bytesOf(mediaType.toc) + (startupBytes > 0 ? startupBytes : bytesOf(mediaType.metadata)),
    recordings: Number.isSafeInteger(recordings) && recordings > 0 ? recordings : 0,
    hasStartupBlob: startupBytes > 0,
  };
}

/** A start that somebody recorded. docs/format.md §7 */
export interface RecordedStart {
  readonly seconds: number;
  /** Of the disk, uncompressed. */
  readonly touchedBytes: number;
}

/** The recordings that an artifact carries. */
export async function readRecordings(
  registry: Registry,
  repository: string,
  artifact: Manifest,
  signal: AbortSignal,
): Promise<readonly RecordedStart[]> {
  const blobs = artifact.layers.filter((layer) => layer.mediaType === mediaType.recording).slice(0, maxRecordings);
  return await Promise.all(
    blobs.map(async (blob) => {
      const recording = await readDocument(registry, repository, blob, signal);
      const blocks = listAt(recording, "runs").map(blocksOf);
      return {
        seconds: numberAt(recording, "seconds"),
        touchedBytes: blocks.reduce((sum, count) => sum + count, 0) * blockBytes,
      };
    }),
  );
}

/** docs/format.md §6 */
const maxRecordings = 16;

function blocksOf(run: unknown): number {
  const blocks: unknown = Array.isArray(run) ? run[1] : undefined;
  if (typeof blocks === "number" && blocks >= 0) return blocks;
  throw new AnswerError("a recording has a run that is none");
}

/** The image of an index that can be streamed, or the image itself. */
export async function streamableOf(
  registry: Registry,
  repository: string,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const digest = streamableDigestOf(manifest);
  if (digest === undefined) return undefined;
  if (digest === manifest.digest) return manifest;
  return await readManifest(registry, repository, digest, signal);
}

/** Something attached to an image, or made of no program at all. */
const isArtifact = ({ artifactType, subject }: Manifest): boolean =>
  artifactType !== undefined || subject !== undefined;

/** Of what {@link streamableOf} finds. */
export function streamableDigestOf(manifest: Manifest): string | undefined {
  if (isArtifact(manifest)) return undefined;
  return manifest.isIndex
    ? manifest.manifests.find(({ platform }) => platform === "linux/amd64")?.digest
    : manifest.digest;
}

/** Whether an image that is shown under a tag or digest has a streaming artifact. */
export async function isStreamed(
  registry: Registry,
  repository: string,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<boolean> {
  const image = streamableDigestOf(manifest);
  return image !== undefined && (await listReferrers(registry, repository, image, signal)).some(isStreaming);
}
