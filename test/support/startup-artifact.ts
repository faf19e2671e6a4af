import { createHash } from "node:crypto";
import {
  blobKind,
  blockSizeBytes,
  compressFrame,
  type DiskRun,
  decodeToc,
  decompressFrame,
  encodeToc,
  type StartupTable,
  startupChunks,
  type Toc,
} from "@sluice/disk";
import { createImageManifest, type Descriptor, type ImageManifest, type Repository, sha256Of } from "@sluice/oci";
import { pushBlob, wholeBlob } from "./whole-blobs.js";

/** An artifact with a startup blob, and the blob. */
export interface StartupArtifact {
  readonly manifest: ImageManifest;
  readonly startup: Descriptor;
  readonly toc: Toc;
}

/** Pushes a copy of an artifact with a startup blob of these runs of the disk, as learned from one start. */
export async function pushStartupArtifact(
  repository: Repository,
  plain: ImageManifest,
  runs: (toc: Toc) => readonly DiskRun[],
): Promise<StartupArtifact> {
  const [tocLayer, metadata, ...layers] = plain.layers;
  if (!tocLayer || !metadata || !plain.config || !plain.subject) throw new Error("no artifact");
  const toc = decodeToc(await wholeBlob(repository, tocLayer));
  const { blob, table } = await startupBlob(repository, toc, [...startupChunks(runs(toc))]);
  const startup = await pushBlob(repository, "application/vnd.sluice.startup.v1+zstd", blob);
  const blobs = [...toc.blobs, { kind: blobKind.startup, digest: startup.digest, sizeBytes: startup.size }];
  const made: Toc = { ...toc, blobs, startup: { ...table, blob: table.blob.fill(blobs.length - 1) } };
  const tocBytes = encodeToc(made);
  const footer = { annotations: { "dev.sluice.footer.digest": sha256Of("no node looks at it") } };
  const manifest = createImageManifest({
    artifactType: plain.artifactType,
    config: plain.config,
    subject: plain.subject,
    annotations: { ...plain.annotations, "dev.sluice.startup.recordings": "1" },
    layers: [
      { ...(await pushBlob(repository, tocLayer.mediaType, tocBytes)), data: tocBytes },
      metadata,
      { ...startup, ...footer },
      ...layers,
    ],
  });
  await repository.pushManifest(manifest);
  return { manifest, startup, toc: made };
}

async function startupBlob(
  repository: Repository,
  toc: Toc,
  chunks: readonly (readonly DiskRun[])[],
): Promise<{ blob: Buffer; table: StartupTable }> {
  const disk = await readChunks(repository, toc);
  const contents = chunks.map((pieces) =>
    Buffer.concat(
      pieces.flatMap(({ startBlock, blocks }) => Array.from({ length: blocks }, (_, i) => disk(startBlock + i))),
    ),
  );
  const frames = contents.map((content) => compressFrame(content));
  const pieces = chunks.flat();
  const ends = (sizes: readonly number[]): number[] =>
    sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
  const table: StartupTable = {
    count: chunks.length,
    blocks: Uint32Array.from(contents, ({ length }) => length / blockSizeBytes),
    blob: new Uint16Array(chunks.length),
    offset: Float64Array.from(ends(frames.map(({ length }) => length))),
    compressedSize: Uint32Array.from(frames, ({ length }) => length),
    sha256: Buffer.concat(contents.map((content) => createHash("sha256").update(content).digest())),
    firstPiece: Uint32Array.from([...ends(chunks.map(({ length }) => length)), pieces.length]),
    pieceStartBlock: Uint32Array.from(pieces, ({ startBlock }) => startBlock),
    pieceBlocks: Uint32Array.from(pieces, ({ blocks }) => blocks),
    prefetch: new Uint32Array(0),
  };
  return { blob: Buffer.concat(frames), table };
}

/** The blocks of a small disk, all in memory. */
async function readChunks(repository: Repository, { blobs, chunks }: Toc): Promise<(block: number) => Uint8Array> {
  const blocks = new Map<number, Uint8Array>();
  const bytes = await Promise.all(
    blobs.map(({ digest, sizeBytes }) => wholeBlob(repository, { digest, size: sizeBytes })),
  );
  for (let row = 0; row < chunks.count; row++) {
    const [start = 0, offset = 0, size = 0] = [chunks.startBlock[row], chunks.offset[row], chunks.compressedSize[row]];
    if (size === 0) continue;
    const frame = (bytes[chunks.blob[row] ?? -1] ?? Buffer.alloc(0)).subarray(offset, offset + size);
    const content = decompressFrame(frame, (chunks.blocks[row] ?? 0) * blockSizeBytes, "test");
    for (let at = 0; at < content.length; at += blockSizeBytes) {
      blocks.set(start + at / blockSizeBytes, content.subarray(at, at + blockSizeBytes));
    }
  }
  return (block) => blocks.get(block) ?? Buffer.alloc(blockSizeBytes);
}
