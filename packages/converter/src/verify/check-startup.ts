import { blockSizeBytes, InvalidFormatError, type RemoteBlob, type StartupTable, type Toc } from "@sluice/disk";
import type { AbortOptions, Digest } from "@sluice/oci";
import { DiskBlocks } from "../startup/disk-blocks.js";
import type { OpenedBlob } from "./artifact-reader.js";
import { readChunks } from "./data-space.js";

const part = "startup blob";

/**
 * Every startup chunk must be a copy of the disk's blocks at its place, which the caller has proven, and the blob's own table must say what the TOC says.
 *
 * @param blobs those of the TOC, but for the startup blob
 * @throws {InvalidFormatError} {DigestMismatchError}
 */
export async function checkStartup(
  { remote, seekTable }: OpenedBlob,
  toc: Toc,
  blobs: ReadonlyMap<Digest, RemoteBlob>,
  options?: AbortOptions,
): Promise<void> {
  const { startup } = toc;
  const columns = ["offset", "compressedSize", "blocks", "sha256"] as const;
  const differing = columns.find(
    (column) => Buffer.compare(bytesOf(startup[column]), bytesOf(seekTable[column])) !== 0,
  );
  if (differing !== undefined)
    throw new InvalidFormatError(part, "seek table", "what the TOC says", `another ${differing}`);
  const disk = new DiskBlocks(toc, blobs, options);
  for await (const chunk of readChunks(remote, seekTable, options)) {
    if ("damage" in chunk) throw chunk.damage;
    const same = "bytes" in chunk && (await isCopy(chunk.bytes, startup, chunk.row, disk));
    if (!same) throw new InvalidFormatError(part, `chunk ${chunk.row}`, "a copy of the disk's blocks", "other bytes");
  }
}

/** Whether the disk has these bytes where the pieces of a startup chunk lie. */
async function isCopy(bytes: Uint8Array, startup: StartupTable, row: number, disk: DiskBlocks): Promise<boolean> {
  let at = 0;
  const end = startup.firstPiece[row + 1] ?? 0;
  for (let piece = startup.firstPiece[row] ?? 0; piece < end; piece++) {
    const next = at + (startup.pieceBlocks[piece] ?? 0) * blockSizeBytes;
    const own = bytes.subarray(at, next);
    const there = await disk.read((startup.pieceStartBlock[piece] ?? 0) * blockSizeBytes, own.length);
    if (Buffer.compare(there, own) !== 0) return false;
    at = next;
  }
  return at === bytes.length;
}

const bytesOf = (column: Uint8Array | Uint32Array | Float64Array): Uint8Array =>
  new Uint8Array(column.buffer, column.byteOffset, column.byteLength);
