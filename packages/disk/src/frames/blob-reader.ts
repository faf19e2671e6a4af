import { createHash } from "node:crypto";
import {
  type AbortOptions,
  type ByteRange,
  type Digest,
  DigestMismatchError,
  digestOfHash,
  sha256Of,
} from "@sluice/oci/content";
import { InvalidFormatError } from "../invalid-format-error.js";
import { type BlobFooter, type BlobSection, decodeFooter, footerBytes, framesEnd } from "./footer.js";
import { decodeSeekTable, type SeekTable } from "./seek-table.js";
import { checkSkippableHeader, skippableHeaderBytes } from "./skippable-frame.js";

/** A seek table of more is refused: over five million chunks. Bytes. docs/format.md §2.3 */
const maxSeekTableBytes = 256 * 1024 * 1024;
/** Sections are read this much at a time. Bytes. */
const pieceBytes = 1024 * 1024;

/** Gives exactly the bytes of `range`, unverified, or throws. */
export type ReadRange = (range: ByteRange, options?: AbortOptions) => Promise<Uint8Array>;

/** A blob somewhere else, of which only ranges are read. */
export interface RemoteBlob {
  readonly sizeBytes: number;
  readonly read: ReadRange;
}

/**
 * The footer of a blob: one read of its last 192 bytes.
 *
 * @param expected the digest of the footer from the blob's descriptor; without it the footer is well formed but not proven
 * @throws {InvalidFormatError} | {DigestMismatchError}
 */
export async function readFooter(
  blob: RemoteBlob,
  expected: Digest | undefined,
  options?: AbortOptions,
): Promise<BlobFooter> {
  if (blob.sizeBytes < footerBytes) {
    throw new InvalidFormatError("footer", "size of the blob", `at least ${footerBytes} bytes`, blob.sizeBytes);
  }
  const bytes = await blob.read({ start: blob.sizeBytes - footerBytes, end: blob.sizeBytes }, options);
  if (expected !== undefined) {
    const actual = sha256Of(bytes);
    if (actual !== expected) throw new DigestMismatchError("footer of the blob", expected, actual);
  }
  return decodeFooter(bytes, blob.sizeBytes);
}

/**
 * The payload of a section, read 1 MiB at a time.
 *
 * The hash is known only at the end: a consumer that must not act on unproven bytes reads to the end first.
 * @throws {DigestMismatchError} after the last piece when the payload is not the one the footer names
 */
export async function* readSection(
  blob: RemoteBlob,
  section: BlobSection,
  name: string,
  options?: AbortOptions,
): AsyncGenerator<Uint8Array> {
  const end = section.offset + section.sizeBytes;
  const hash = createHash("sha256");
  for (let start = section.offset; start < end; start += pieceBytes) {
    let piece = await blob.read({ start, end: Math.min(end, start + pieceBytes) }, options);
    if (start === section.offset) {
      checkSkippableHeader(piece, section.sizeBytes, name);
      piece = piece.subarray(skippableHeaderBytes);
    }
    hash.update(piece);
    if (piece.length > 0) yield piece;
  }
  const actual = digestOfHash(hash.digest());
  const expected = digestOfHash(section.sha256);
  if (actual !== expected) throw new DigestMismatchError(name, expected, actual);
}

/** A section that is small enough to hold, proven. @throws {InvalidFormatError} when it is larger than `maxBytes` | {DigestMismatchError} */
export async function readWholeSection(
  blob: RemoteBlob,
  section: BlobSection,
  name: string,
  maxBytes: number,
  options?: AbortOptions,
): Promise<Uint8Array> {
  if (section.sizeBytes > maxBytes) {
    throw new InvalidFormatError(name, "size", `at most ${maxBytes} bytes`, section.sizeBytes);
  }
  const payload = new Uint8Array(section.sizeBytes - skippableHeaderBytes);
  let at = 0;
  for await (const piece of readSection(blob, section, name, options)) {
    payload.set(piece, at);
    at += piece.length;
  }
  return payload;
}

/** The proven seek table. @throws {InvalidFormatError} | {DigestMismatchError} */
export async function readSeekTable(blob: RemoteBlob, footer: BlobFooter, options?: AbortOptions): Promise<SeekTable> {
  const payload = await readWholeSection(blob, footer.seekTable, "seek table", maxSeekTableBytes, options);
  return decodeSeekTable(payload, { dataBlocks: footer.dataBlocks, framesEnd: framesEnd(footer) });
}
