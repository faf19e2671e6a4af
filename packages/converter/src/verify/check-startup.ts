import {
  blockSizeBytes,
  chunkIndexAtBlock,
  decompressFrame,
  InvalidFormatError,
  type RemoteBlob,
  type StartupTable,
  type Toc,
} from "@sluice/disk";
import { type AbortOptions, type Digest, DigestMismatchError, digestOfHash, sha256Of } from "@sluice/oci";
import type { OpenedBlob } from "./artifact-reader.js";
import { readChunks } from "./data-space.js";

const part = "startup blob";
/** Chunks of the disk that are kept for the next startup chunk. */
const maxKept = 16;

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
  const disk = new DiskChunks(toc, blobs, options);
  for await (const chunk of readChunks(remote, seekTable, options)) {
    if ("damage" in chunk) throw chunk.damage;
    const same = "bytes" in chunk && (await disk.holds(startup, chunk.row, chunk.bytes));
    if (!same) throw new InvalidFormatError(part, `chunk ${chunk.row}`, "a copy of the disk's blocks", "other bytes");
  }
}

const bytesOf = (column: Uint8Array | Uint32Array | Float64Array): Uint8Array =>
  new Uint8Array(column.buffer, column.byteOffset, column.byteLength);

/** The disk as its chunks give it, the last few kept. */
class DiskChunks {
  readonly #toc: Toc;
  readonly #blobs: ReadonlyMap<Digest, RemoteBlob>;
  readonly #options: AbortOptions | undefined;
  readonly #kept = new Map<number, Uint8Array>();

  constructor(toc: Toc, blobs: ReadonlyMap<Digest, RemoteBlob>, options: AbortOptions | undefined) {
    this.#toc = toc;
    this.#blobs = blobs;
    this.#options = options;
  }

  /** Whether the disk has these bytes where the pieces of a startup chunk lie. */
  async holds(startup: StartupTable, row: number, bytes: Uint8Array): Promise<boolean> {
    let at = 0;
    const end = startup.firstPiece[row + 1] ?? 0;
    for (let piece = startup.firstPiece[row] ?? 0; piece < end; piece++) {
      const next = at + (startup.pieceBlocks[piece] ?? 0) * blockSizeBytes;
      if (!(await this.#holdsPiece(startup.pieceStartBlock[piece] ?? 0, bytes.subarray(at, next)))) return false;
      at = next;
    }
    return at === bytes.length;
  }

  async #holdsPiece(startBlock: number, bytes: Uint8Array): Promise<boolean> {
    const { chunks } = this.#toc;
    for (let at = 0; at < bytes.length; ) {
      const block = startBlock + at / blockSizeBytes;
      const row = chunkIndexAtBlock(chunks, block);
      if (row === -1) return false;
      const chunk = await this.#chunk(row);
      const from = (block - (chunks.startBlock[row] ?? 0)) * blockSizeBytes;
      const length = Math.min(bytes.length - at, (chunks.blocks[row] ?? 0) * blockSizeBytes - from);
      if (!sameBytes(chunk?.subarray(from, from + length), bytes.subarray(at, at + length))) return false;
      at += length;
    }
    return true;
  }

  /** Undefined for a zero chunk. */
  async #chunk(row: number): Promise<Uint8Array | undefined> {
    const { chunks, blobs } = this.#toc;
    const size = chunks.compressedSize[row] ?? 0;
    if (size === 0) return undefined;
    const kept = this.#kept.get(row);
    if (kept !== undefined) return kept;
    const digest = blobs[chunks.blob[row] ?? 0]?.digest;
    const blob = digest && this.#blobs.get(digest);
    if (blob === undefined)
      throw new InvalidFormatError("TOC", `chunk ${row}`, "a blob of the artifact", digest ?? "none");
    const start = chunks.offset[row] ?? 0;
    const frame = await blob.read({ start, end: start + size }, this.#options);
    const what = `chunk ${row} of the disk`;
    const bytes = decompressFrame(frame, (chunks.blocks[row] ?? 0) * blockSizeBytes, what);
    const expected = digestOfHash(chunks.sha256, row * 32);
    const actual = sha256Of(bytes);
    if (actual !== expected) throw new DigestMismatchError(what, expected, actual);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size >= maxKept && oldest !== undefined) this.#kept.delete(oldest);
    this.#kept.set(row, bytes);
    return bytes;
  }
}

const sameBytes = (disk: Uint8Array | undefined, bytes: Uint8Array): boolean =>
  disk === undefined ? bytes.every((byte) => byte === 0) : Buffer.compare(disk, bytes) === 0;
