import { blockSizeBytes, entryType, type MergedTree, mergeLayers, type SeekTable, type Toc } from "@sluice/disk";
import { type Artifact, type ArtifactBlob, artifactFormatVersion } from "@sluice/disk/artifact";
import { type AbortOptions, type Digest, type Repository, sluiceMediaTypes } from "@sluice/oci";
import { heavyStartWarnings } from "../publish/heavy-starts.js";
import { largeFileBytes, largeFileWarnings } from "../publish/large-files.js";
import { xattrWarnings } from "../publish/xattr-warnings.js";
import type { ImagePlace } from "../source/image-place.js";
import { findConverted, openBlob, readIndex, readToc } from "../verify/artifact-reader.js";

export interface InspectOptions extends AbortOptions {
  /** Files from this size on are warned of. Bytes. */
  readonly largeFileBytes?: number | undefined;
}

export interface InspectedBlob {
  readonly kind: "metadata" | "startup" | "layer";
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly chunks: number;
  /** Of its data space, zeros included. */
  readonly dataBytes: number;
  /** Layers: digest as pulled, and length of the tar. */
  readonly source?: Digest;
  readonly uncompressedBytes?: number;
}

/** What the merged image holds. */
export interface InspectedFiles {
  readonly files: number;
  readonly directories: number;
  readonly symlinks: number;
  /** Devices and fifos. */
  readonly others: number;
  readonly contentBytes: number;
}

export interface InspectedStartup {
  readonly chunks: number;
  /** Runs of the disk in them. */
  readonly pieces: number;
  readonly sizeBytes: number;
  readonly dataBytes: number;
  /** Chunks of the layers that are fetched behind it. */
  readonly prefetchedChunks: number;
  /** Starts that it was learned from; 0: it was predicted. */
  readonly recordings: number;
}

/** What `inspect -o json` prints. Nothing but metadata is fetched; the chunks are not checked. */
export interface Inspection {
  readonly source: { readonly reference: string; readonly digest: Digest };
  readonly artifact: {
    readonly digest: Digest;
    readonly artifactType: string;
    readonly formatVersion: string;
    readonly sizeBytes: number;
  };
  /** Named by the artifact, as `mount` and `mounts` name it; `toc` says what is where on it. */
  readonly disk: { readonly digest: Digest; readonly toc: Digest; readonly sizeBytes: number; readonly chunks: number };
  readonly blobs: readonly InspectedBlob[];
  readonly files: InspectedFiles;
  /** Null without a startup blob. */
  readonly startup: InspectedStartup | null;
  readonly warnings: readonly string[];
}

/** An overview of the artifact of an image. @throws {ConversionError} when there is none */
export async function inspectImage(place: ImagePlace, options: InspectOptions = {}): Promise<Inspection> {
  const { image, artifact } = await findConverted(place, options);
  const { repository } = place;
  const toc = await readToc(repository, artifact, options);
  const blobs: InspectedBlob[] = [await inspected(repository, "metadata", artifact.metadata, options)];
  if (artifact.startup !== undefined) blobs.push(await inspected(repository, "startup", artifact.startup, options));
  const { layerBlobs, tree } = await mergedLayers(repository, artifact, options);
  return {
    source: { reference: place.reference, digest: image.manifest.digest },
    artifact: {
      digest: artifact.digest,
      artifactType: sluiceMediaTypes.artifact,
      formatVersion: artifactFormatVersion,
      sizeBytes: artifact.sizeBytes,
    },
    disk: {
      digest: artifact.digest,
      toc: artifact.toc.digest,
      sizeBytes: toc.diskBlocks * blockSizeBytes,
      chunks: toc.chunks.count,
    },
    blobs: [...blobs, ...layerBlobs],
    files: countFiles(tree),
    startup: artifact.startup === undefined ? null : inspectedStartup(artifact.startup, artifact.recordings, toc),
    warnings: [
      ...xattrWarnings(tree),
      ...largeFileWarnings(tree, options.largeFileBytes ?? largeFileBytes),
      ...heavyStartWarnings(artifact),
    ],
  };
}

const inspectedStartup = ({ sizeBytes }: ArtifactBlob, recordings: number, { startup }: Toc): InspectedStartup => ({
  chunks: startup.count,
  pieces: startup.pieceStartBlock.length,
  sizeBytes,
  dataBytes: dataBytesOf(startup),
  prefetchedChunks: startup.prefetch.length,
  recordings,
});

async function mergedLayers(
  repository: Repository,
  artifact: Artifact,
  options: AbortOptions,
): Promise<{ readonly layerBlobs: readonly InspectedBlob[]; readonly tree: MergedTree }> {
  const layerBlobs: InspectedBlob[] = [];
  const indexes = [];
  for (const layer of artifact.layers) {
    const opened = await openBlob(repository, layer, options);
    const { source, uncompressedBytes } = layer;
    layerBlobs.push({ ...overview("layer", layer, opened.seekTable), source, uncompressedBytes });
    indexes.push(await readIndex(opened, options));
  }
  return { layerBlobs, tree: mergeLayers(indexes) };
}

async function inspected(
  repository: Repository,
  kind: InspectedBlob["kind"],
  blob: ArtifactBlob,
  options: AbortOptions,
): Promise<InspectedBlob> {
  return overview(kind, blob, (await openBlob(repository, blob, options)).seekTable);
}

const overview = (
  kind: InspectedBlob["kind"],
  { digest, sizeBytes }: ArtifactBlob,
  table: SeekTable,
): InspectedBlob => ({
  kind,
  digest,
  sizeBytes,
  chunks: table.count,
  dataBytes: dataBytesOf(table),
});

const dataBytesOf = ({ blocks }: Pick<SeekTable, "blocks">): number =>
  blocks.reduce((sum, count) => sum + count, 0) * blockSizeBytes;

function countFiles(tree: MergedTree): InspectedFiles {
  const counts = new Map<number, number>();
  let contentBytes = 0;
  for (let inode = 0; inode < tree.inodeCount; inode++) {
    const type = tree.type[inode] ?? 0;
    counts.set(type, (counts.get(type) ?? 0) + 1);
    if (type === entryType.file) contentBytes += tree.sizeBytes[inode] ?? 0;
  }
  const of = (type: number): number => counts.get(type) ?? 0;
  const files = of(entryType.file);
  const directories = of(entryType.directory);
  const symlinks = of(entryType.symlink);
  return { files, directories, symlinks, others: tree.inodeCount - files - directories - symlinks, contentBytes };
}
