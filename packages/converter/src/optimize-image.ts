import { join } from "node:path";
import {
  blockSizeBytes,
  bridgedRuns,
  decodeRecording,
  encodeRecording,
  encodeToc,
  isSameDisk,
  mergeRecordings,
  type RecordedDisk,
  type Recording,
  withStartup,
} from "@sluice/disk";
import {
  type Artifact,
  maxRecordingBlobs,
  offeredRecordings,
  parseArtifact,
  readRecording,
} from "@sluice/disk/artifact";
import { type AbortOptions, type Digest, emptyBlob, sluiceMediaTypes } from "@sluice/oci";
import { ConversionError } from "./conversion-error.js";
import { CompressorPool } from "./layer/compressor-pool.js";
import { openTemporaryFile } from "./layer/temporary-file.js";
import { artifactManifest } from "./publish/artifact-manifest.js";
import { inFile, inMemory } from "./publish/local-sources.js";
import { type BlobSource, pushBlobs } from "./publish/push-blobs.js";
import type { ImagePlace } from "./source/image-place.js";
import { diskBlobs } from "./startup/disk-blobs.js";
import { recordedLevel, writeStartupBlob } from "./startup/startup-blob.js";
import { findConverted, readToc } from "./verify/artifact-reader.js";

export interface OptimizeOptions extends AbortOptions {
  /** Data root; a temporary file of the size of the startup set lies below it. */
  readonly root: string;
  /** Also learns from what nodes have offered. */
  readonly fromOffered?: boolean | undefined;
  /** Compressing threads; as many as there are processors when left out. */
  readonly threads?: number | undefined;
}

/** What `optimize -o json` prints. Sizes in bytes. */
export interface OptimizeResult {
  readonly source: { readonly reference: string; readonly digest: Digest };
  readonly artifact: { readonly digest: Digest; readonly artifactType: string; readonly sizeBytes: number };
  readonly startup: {
    readonly digest: Digest;
    readonly sizeBytes: number;
    /** Uncompressed. */
    readonly dataBytes: number;
    readonly chunks: number;
  };
  /** Starts that the startup set was learned from, and those of them that are new. */
  readonly recordings: number;
  readonly newRecordings: number;
  readonly seconds: number;
}

/**
 * Publishes an artifact of the image with a startup blob learned from these recordings, from those that the artifact carries, and, if asked, from those that
 * nodes have offered. All other blobs stay as they are; what is copied is read from them by range. The blobs are pushed before the manifest.
 *
 * @param documents recordings as docs/format.md §7 has them
 * @throws {InvalidFormatError} when one is none
 * @throws {ConversionError} when the image has no artifact, or no recording is of its disk
 */
export async function optimizeImage(
  place: ImagePlace,
  documents: readonly Uint8Array[],
  options: OptimizeOptions,
): Promise<OptimizeResult> {
  const startedAtMs = performance.now();
  const { repository, reference } = place;
  const { signal } = options;
  const { image, artifact } = await findConverted(place, { signal });
  const subject = image.manifest;
  const known = new KnownRecordings(diskOf(artifact));
  for (const blob of artifact.recordingBlobs) known.add(await readRecording(repository, blob, { signal }));
  const carried = known.count;
  for (const recording of options.fromOffered ? await offeredRecordings(repository, subject.digest, { signal }) : [])
    known.add(recording);
  for (const document of documents) known.add(decodeRecording(document));
  const newRecordings = known.count - carried;
  if (known.count === 0) throw nothingRecorded(place);
  const { kept, sources } = known.last(maxRecordingBlobs);

  const toc = await readToc(repository, artifact, { signal });
  const blobs = diskBlobs(repository, artifact);
  const temporaryDirectory = join(options.root, "tmp");
  await using compressor = new CompressorPool(options.threads);
  await using file = await openTemporaryFile(temporaryDirectory);
  const runs = bridgedRuns(mergeRecordings(kept));
  const startup = await writeStartupBlob(runs, toc, blobs, file, {
    temporaryDirectory,
    compressor,
    signal,
    level: recordedLevel,
  });
  if (startup === undefined) throw nothingRecorded(place);

  const tocBytes = encodeToc(withStartup(toc, startup));
  const tocSource = inMemory(tocBytes);
  const count = artifact.recordings + newRecordings;
  const manifest = artifactManifest(subject, {
    toc: { ...tocSource, bytes: tocBytes },
    metadata: artifact.metadata,
    startup: startup.blob,
    layers: artifact.layers,
    recordings: { count, blobs: sources.map(({ digest, sizeBytes }) => ({ digest, size: sizeBytes })) },
  });
  const pushed = [tocSource, inMemory(emptyBlob), inFile(startup.blob, file), ...sources];
  await pushBlobs(repository, pushed, { signal });
  await repository.pushManifest(manifest, { signal });
  const { digest, sizeBytes } = parseArtifact(manifest);
  return {
    source: { reference, digest: subject.digest },
    artifact: { digest, artifactType: sluiceMediaTypes.artifact, sizeBytes },
    startup: {
      digest: startup.blob.digest,
      sizeBytes: startup.blob.sizeBytes,
      dataBytes: startup.blob.footer.dataBlocks * blockSizeBytes,
      chunks: startup.chunks.count,
    },
    recordings: count,
    newRecordings,
    seconds: Math.round(performance.now() - startedAtMs) / 1000,
  };
}

/** Recordings of one disk, each once. */
class KnownRecordings {
  readonly #disk: RecordedDisk;
  readonly #known = new Map<Digest, { readonly recording: Recording; readonly source: BlobSource }>();

  constructor(disk: RecordedDisk) {
    this.#disk = disk;
  }

  get count(): number {
    return this.#known.size;
  }

  /** Recordings of other disks say nothing of this one, and those of nothing say nothing at all. */
  add(recording: Recording): void {
    if (!isSameDisk(recording.disk, this.#disk) || recording.runs.length === 0) return;
    const source = inMemory(encodeRecording(recording));
    if (!this.#known.has(source.digest)) this.#known.set(source.digest, { recording, source });
  }

  last(most: number): { readonly kept: readonly Recording[]; readonly sources: readonly BlobSource[] } {
    const last = [...this.#known.values()].slice(-most);
    return { kept: last.map(({ recording }) => recording), sources: last.map(({ source }) => source) };
  }
}

const diskOf = ({ metadata, layers }: Artifact): RecordedDisk => ({
  metadata: metadata.digest,
  layers: layers.map(({ digest }) => digest),
});

const nothingRecorded = ({ reference }: Pick<ImagePlace, "reference">): ConversionError =>
  new ConversionError("RESOURCE_NOT_FOUND", reference, "no start of it is recorded, so there is nothing to learn from");
