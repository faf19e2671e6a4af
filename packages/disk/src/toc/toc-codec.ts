import { type Digest, DigestMismatchError, digestOfHash, hashOfDigest, sha256Of } from "@sluice/oci/content";
import { isZero, readColumn, readU64, viewOf, writeColumn, writeInt64 } from "../binary/integers.js";
import { compressFrame, declaredContentBytes, decompressFrame } from "../frames/zstd-frame.js";
import { InvalidFormatError } from "../invalid-format-error.js";
import { checkToc, checkTocHead, maxBlobs } from "./check-toc.js";
import { readStartup, type StartupCounts, startupTableBytes, writeStartup } from "./startup-codec.js";
import { type BlobKind, blobKind, type ChunkTable, type Toc, type TocBlob, type TocRegion } from "./toc.js";

/** What a TOC may take decompressed: 64 MiB, about 1.4 million chunks, of 256 KiB in the mean. A node decodes it in one go, between two reads. Bytes. docs/format.md §5 */
export const maxTocBytes: number = 64 * 1024 * 1024;

const part = "TOC";
const magic = Buffer.from("SLUICETC");
const version = 1;
const blockSizeLog2 = 12;
const headerBytes = 96;
const blobRowBytes = 48;
const regionRowBytes = 32;

interface Counts {
  readonly blobs: number;
  readonly regions: number;
  readonly chunks: number;
  readonly startup: StartupCounts;
}

/** Where each table starts. Bytes. docs/format.md §5 */
interface Layout {
  readonly blobs: number;
  readonly regions: number;
  readonly chunks: number;
  readonly startup: number;
  readonly totalBytes: number;
}

/** What is known about a TOC before it is read. */
export interface ExpectedToc {
  /** Of the compressed blob, from the artifact's manifest. */
  readonly digest?: Digest | undefined;
  /** The image it must belong to: the artifact's subject. */
  readonly source?: Digest | undefined;
}

/** The blob of the TOC. @throws {InvalidFormatError} when it breaks a rule of docs/format.md §5 */
export function encodeToc(toc: Toc): Uint8Array {
  checkToc(toc);
  const counts = {
    blobs: toc.blobs.length,
    regions: toc.regions.length,
    chunks: toc.chunks.count,
    startup: {
      chunks: toc.startup.count,
      pieces: toc.startup.pieceStartBlock.length,
      prefetch: toc.startup.prefetch.length,
    },
  };
  const layout = layoutOf(counts);
  if (layout.totalBytes > maxTocBytes)
    throw new InvalidFormatError(part, "size", `at most ${maxTocBytes} bytes`, layout.totalBytes);
  const bytes = new Uint8Array(layout.totalBytes);
  const view = viewOf(bytes);
  bytes.set(magic);
  view.setUint16(8, version, true);
  view.setUint16(10, blockSizeLog2, true);
  view.setUint32(12, counts.blobs, true);
  writeInt64(view, 16, toc.diskBlocks);
  view.setUint32(24, counts.regions, true);
  view.setUint32(28, counts.chunks, true);
  view.setUint32(32, counts.startup.chunks, true);
  view.setUint32(36, counts.startup.pieces, true);
  view.setUint32(40, counts.startup.prefetch, true);
  bytes.set(hashOfDigest(toc.source), 64);
  for (const [i, blob] of toc.blobs.entries()) writeBlob(bytes, view, layout.blobs + blobRowBytes * i, blob);
  for (const [i, region] of toc.regions.entries()) writeRegion(view, layout.regions + regionRowBytes * i, region);
  writeChunks(bytes, view, layout.chunks, toc.chunks);
  writeStartup(bytes, view, layout.startup, toc.startup);
  return compressFrame(bytes);
}

/**
 * @throws {DigestMismatchError} when the blob is not the expected one
 * @throws {InvalidFormatError} when it is no TOC, belongs to another image or breaks any rule of docs/format.md §5
 */
export function decodeToc(blob: Uint8Array, expected: ExpectedToc = {}): Toc {
  if (expected.digest !== undefined) {
    const actual = sha256Of(blob);
    if (actual !== expected.digest) throw new DigestMismatchError("TOC", expected.digest, actual);
  }
  const declared = declaredContentBytes(blob, part);
  if (declared > maxTocBytes || declared < headerBytes) {
    throw new InvalidFormatError(part, "size", `${headerBytes} to ${maxTocBytes} bytes`, declared);
  }
  const bytes = decompressFrame(blob, declared, part);
  const toc = readToc(bytes);
  if (expected.source !== undefined && toc.source !== expected.source) {
    throw new InvalidFormatError(part, "source manifest", expected.source, toc.source);
  }
  checkToc(toc);
  return toc;
}

function readToc(bytes: Uint8Array): Toc {
  const view = viewOf(bytes);
  const counts = readCounts(bytes, view);
  const layout = layoutOf(counts);
  if (layout.totalBytes !== bytes.length) {
    throw new InvalidFormatError(part, "size", `${layout.totalBytes} bytes, from the header's counts`, bytes.length);
  }
  const blobs: TocBlob[] = [];
  for (let i = 0; i < counts.blobs; i++) blobs.push(readBlob(bytes, view, layout.blobs + blobRowBytes * i, i));
  const regions: TocRegion[] = [];
  for (let i = 0; i < counts.regions; i++) regions.push(readRegion(view, layout.regions + regionRowBytes * i, i));
  const diskBlocks = readU64(view, 16, part, "blocks of the disk");
  checkTocHead({ diskBlocks, blobs, regions }, counts.chunks);
  const startupBlob = blobs.findIndex(({ kind }) => kind === blobKind.startup);
  return {
    diskBlocks,
    source: digestOfHash(bytes, 64),
    blobs,
    regions,
    chunks: readDiskChunks(bytes, view, layout.chunks, counts.chunks, regions),
    startup: readStartup(bytes, view, layout.startup, counts.startup, startupBlob),
  };
}

function readCounts(bytes: Uint8Array, view: DataView): Counts {
  if (!magic.equals(bytes.subarray(0, 8))) throw new InvalidFormatError(part, "magic", "SLUICETC", "other bytes");
  const found = view.getUint16(8, true);
  if (found !== version) throw new InvalidFormatError(part, "version", `${version}`, found);
  const log2 = view.getUint16(10, true);
  if (log2 !== blockSizeLog2) throw new InvalidFormatError(part, "log2 of the block size", `${blockSizeLog2}`, log2);
  if (!isZero(bytes, 44, 64)) throw new InvalidFormatError(part, "reserved bytes of the header", "zeros", "others");
  const blobs = view.getUint32(12, true);
  if (blobs > maxBlobs) throw new InvalidFormatError(part, "blobs", `at most ${maxBlobs}`, blobs);
  const regions = view.getUint32(24, true);
  if (regions > blobs) throw new InvalidFormatError(part, "regions", `at most one for each of ${blobs} blobs`, regions);
  const startup = {
    chunks: view.getUint32(32, true),
    pieces: view.getUint32(36, true),
    prefetch: view.getUint32(40, true),
  };
  return { blobs, regions, chunks: view.getUint32(28, true), startup };
}

function layoutOf(counts: Counts): Layout {
  const regions = headerBytes + blobRowBytes * counts.blobs;
  const chunks = regions + regionRowBytes * counts.regions;
  const startup = chunks + (4 + 4 + 8 + 32) * counts.chunks;
  const totalBytes = startup + startupTableBytes(counts.startup);
  return { blobs: headerBytes, regions, chunks, startup, totalBytes };
}

function writeBlob(bytes: Uint8Array, view: DataView, at: number, blob: TocBlob): void {
  view.setUint32(at, blob.kind, true);
  writeInt64(view, at + 8, blob.sizeBytes);
  bytes.set(hashOfDigest(blob.digest), at + 16);
}

function readBlob(bytes: Uint8Array, view: DataView, at: number, i: number): TocBlob {
  const value = view.getUint32(at, true);
  const kind: BlobKind | undefined = Object.values(blobKind).find((known) => known === value);
  if (kind === undefined) throw new InvalidFormatError(part, `blob ${i}`, "kind 1, 2 or 3", value);
  if (!isZero(bytes, at + 4, at + 8)) throw new InvalidFormatError(part, `blob ${i}`, "reserved bytes zero", "others");
  return { kind, sizeBytes: readU64(view, at + 8, part, `blob ${i}`), digest: digestOfHash(bytes, at + 16) };
}

function writeRegion(view: DataView, at: number, region: TocRegion): void {
  writeInt64(view, at, region.startBlock);
  writeInt64(view, at + 8, region.blocks);
  view.setUint32(at + 16, region.blob, true);
  view.setUint32(at + 20, region.firstChunk, true);
  view.setUint32(at + 24, region.chunkCount, true);
}

function readRegion(view: DataView, at: number, i: number): TocRegion {
  if (view.getUint32(at + 28, true) !== 0)
    throw new InvalidFormatError(part, `region ${i}`, "reserved bytes zero", "others");
  return {
    startBlock: readU64(view, at, part, `region ${i}`),
    blocks: readU64(view, at + 8, part, `region ${i}`),
    blob: view.getUint32(at + 16, true),
    firstChunk: view.getUint32(at + 20, true),
    chunkCount: view.getUint32(at + 24, true),
  };
}

function writeChunks(bytes: Uint8Array, view: DataView, start: number, table: ChunkTable): void {
  const { count } = table;
  writeColumn(view, start, table.blocks);
  writeColumn(view, start + 4 * count, table.compressedSize);
  for (let row = 0; row < count; row++) writeInt64(view, start + 8 * (count + row), table.offset[row] ?? 0);
  bytes.set(table.sha256, start + 16 * count);
}

/** Start blocks and blobs are not in the table: they follow from the regions. */
function readDiskChunks(
  bytes: Uint8Array,
  view: DataView,
  start: number,
  count: number,
  regions: readonly TocRegion[],
): ChunkTable {
  const blocks = readColumn(view, start, count);
  const compressedSize = readColumn(view, start + 4 * count, count);
  const offset = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    offset[row] = readU64(view, start + 8 * (count + row), part, `offset of chunk ${row}`);
  }
  const sha256 = bytes.slice(start + 16 * count, start + 48 * count);
  const startBlock = new Uint32Array(count);
  const blob = new Uint16Array(count);
  for (const region of regions) {
    let next = region.startBlock;
    const end = region.firstChunk + region.chunkCount;
    for (let row = region.firstChunk; row < end; row++) {
      startBlock[row] = next;
      blob[row] = region.blob;
      next += blocks[row] ?? 0;
    }
  }
  return { count, startBlock, blocks, blob, offset, compressedSize, sha256 };
}
