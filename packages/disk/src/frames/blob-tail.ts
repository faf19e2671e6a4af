import { createHash, type Hash } from "node:crypto";
import { type Digest, sha256Of } from "@sluice/oci/content";
import { type BlobKind, blobKind } from "../toc/toc.js";
import { type BlobFooter, type BlobSection, encodeFooter } from "./footer.js";
import { encodeSeekTable, type SeekTable } from "./seek-table.js";
import { skippableHeader, skippableHeaderBytes } from "./skippable-frame.js";

/** The payload of a section, all of it in memory or read again from where it was spooled. */
export interface SectionPayload {
  readonly sizeBytes: number;
  readonly sha256: Uint8Array;
  readonly pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** What follows the chunk frames of a blob. */
export interface BlobTail {
  readonly kind: BlobKind;
  /** Where the chunk frames end. Bytes. */
  readonly framesEnd: number;
  readonly dataBlocks: number;
  readonly seekTable: SeekTable;
  /** Layers: both; others: neither. */
  readonly index?: SectionPayload;
  readonly recipe?: SectionPayload;
}

/** A payload that is held in memory in one or more pieces. */
export function payloadOf(...pieces: readonly Uint8Array[]): SectionPayload {
  const hash: Hash = createHash("sha256");
  let sizeBytes = 0;
  for (const piece of pieces) {
    hash.update(piece);
    sizeBytes += piece.length;
  }
  return { sizeBytes, sha256: hash.digest(), pieces };
}

/** The footer of a blob with this tail: known before a byte of the tail is written. */
export function footerOf(tail: BlobTail): BlobFooter {
  let offset = tail.framesEnd;
  const place = (payload: SectionPayload): BlobSection => {
    const section = { offset, sizeBytes: skippableHeaderBytes + payload.sizeBytes, sha256: payload.sha256 };
    offset += section.sizeBytes;
    return section;
  };
  requireSections(tail);
  const index = tail.index && place(tail.index);
  const recipe = tail.recipe && place(tail.recipe);
  const seekTable = place(payloadOf(encodeSeekTable(tail.seekTable)));
  return { kind: tail.kind, chunkCount: tail.seekTable.count, dataBlocks: tail.dataBlocks, index, recipe, seekTable };
}

/** The value of the annotation `dev.sluice.footer.digest`. */
export const footerDigest = (footer: BlobFooter): Digest => sha256Of(encodeFooter(footer));

/** The bytes to write behind the chunk frames: sections, seek table and footer. */
export async function* encodeBlobTail(tail: BlobTail): AsyncGenerator<Uint8Array> {
  const footer = footerOf(tail);
  const sections = [tail.index, tail.recipe, payloadOf(encodeSeekTable(tail.seekTable))];
  for (const section of sections) {
    if (section === undefined) continue;
    yield skippableHeader(section.sizeBytes);
    yield* section.pieces;
  }
  yield encodeFooter(footer);
}

function requireSections(tail: BlobTail): void {
  const wanted = tail.kind === blobKind.layer;
  if ((tail.index !== undefined) !== wanted || (tail.recipe !== undefined) !== wanted) {
    throw new RangeError(`blob of kind ${tail.kind}: index and recipe belong to layer blobs, and to each of them`);
  }
}
