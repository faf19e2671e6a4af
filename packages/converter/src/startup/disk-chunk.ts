import { blockSizeBytes, decompressFrame, InvalidFormatError, type RemoteBlob, type Toc } from "@sluice/disk";
import { type ByteRange, type Digest, DigestMismatchError, digestOfHash, sha256Of } from "@sluice/oci";

/** What a disk is read by: its chunks, and the blobs they are in. */
export type ReadableToc = Pick<Toc, "blobs" | "chunks">;
/** Those of the TOC that hold the disk. */
export type DiskBlobs = ReadonlyMap<Digest, RemoteBlob>;

/** Where the frame of a chunk lies. @throws {InvalidFormatError} when its blob is not among `blobs` */
export function placeOfChunk(
  { blobs, chunks }: ReadableToc,
  row: number,
  remotes: DiskBlobs,
): { readonly blob: RemoteBlob; readonly range: ByteRange } {
  const digest = blobs[chunks.blob[row] ?? -1]?.digest;
  const blob = digest && remotes.get(digest);
  if (blob === undefined)
    throw new InvalidFormatError("TOC", `chunk ${row}`, "a blob of the artifact", digest ?? "none");
  const start = chunks.offset[row] ?? 0;
  return { blob, range: { start, end: start + (chunks.compressedSize[row] ?? 0) } };
}

/** The content of a chunk. @throws {InvalidFormatError} {DigestMismatchError} when its frame does not hold it */
export function contentOfChunk({ chunks }: ReadableToc, row: number, frame: Uint8Array): Uint8Array {
  const what = `chunk ${row} of the disk`;
  const bytes = decompressFrame(frame, (chunks.blocks[row] ?? 0) * blockSizeBytes, what);
  const expected = digestOfHash(chunks.sha256, row * 32);
  const actual = sha256Of(bytes);
  if (actual !== expected) throw new DigestMismatchError(what, expected, actual);
  return bytes;
}
