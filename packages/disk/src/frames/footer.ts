import { isZero, readU64, viewOf, writeInt64 } from "../binary/integers.js";
import { InvalidFormatError } from "../invalid-format-error.js";
import { type BlobKind, blobKind } from "../toc/toc.js";
import { seekRowBytes } from "./seek-table.js";
import { checkSkippableHeader, skippableHeader, skippableHeaderBytes } from "./skippable-frame.js";

/** 8 header + 8 magic + 2 version + 2 kind + 4 rows + 8 blocks + 3 × 16 places + 3 × 32 hashes + 16 reserved. Bytes. docs/format.md §2.2 */
export const footerBytes = 192;
export const formatVersion = 1;
/** More blocks than a disk can have are never read. */
export const maxDataBlocks: number = 2 ** 32 - 1;

const part = "footer";
const magic = Buffer.from("SLUICEBL");

/** A skippable frame of a blob: where it lies, header included, and the sha256 of its payload. */
export interface BlobSection {
  readonly offset: number;
  readonly sizeBytes: number;
  readonly sha256: Uint8Array;
}

/** What the last 192 bytes of a blob say. docs/format.md §2.2 */
export interface BlobFooter {
  readonly kind: BlobKind;
  readonly chunkCount: number;
  readonly dataBlocks: number;
  /** Layers only. */
  readonly index: BlobSection | undefined;
  /** Layers only. */
  readonly recipe: BlobSection | undefined;
  readonly seekTable: BlobSection;
}

export function encodeFooter(footer: BlobFooter): Uint8Array {
  const bytes = new Uint8Array(footerBytes);
  const view = viewOf(bytes);
  bytes.set(skippableHeader(footerBytes - skippableHeaderBytes));
  bytes.set(magic, 8);
  view.setUint16(16, formatVersion, true);
  view.setUint16(18, footer.kind, true);
  view.setUint32(20, footer.chunkCount, true);
  writeInt64(view, 24, footer.dataBlocks);
  for (const [i, section] of [footer.index, footer.recipe, footer.seekTable].entries()) {
    if (section === undefined) continue;
    writeInt64(view, 32 + 16 * i, section.offset);
    writeInt64(view, 40 + 16 * i, section.sizeBytes);
    bytes.set(section.sha256, 80 + 32 * i);
  }
  return bytes;
}

/**
 * @param bytes the last {@link footerBytes} of the blob
 * @throws {InvalidFormatError} when a field is out of its bounds or the sections do not lie back to back in front of the footer
 */
export function decodeFooter(bytes: Uint8Array, blobBytes: number): BlobFooter {
  if (bytes.length !== footerBytes) throw new InvalidFormatError(part, "size", `${footerBytes} bytes`, bytes.length);
  checkSkippableHeader(bytes, footerBytes, part);
  const view = viewOf(bytes);
  checkFixedFields(bytes, view);
  const kind = kindOf(view.getUint16(18, true));
  const chunkCount = view.getUint32(20, true);
  const dataBlocks = readU64(view, 24, part, "blocks of the data space");
  if (dataBlocks > maxDataBlocks) throw new InvalidFormatError(part, "blocks", `at most ${maxDataBlocks}`, dataBlocks);
  const index = section(bytes, view, 0, "index");
  const recipe = section(bytes, view, 1, "recipe");
  const seekTable = section(bytes, view, 2, "seek table");
  const layer = kind === blobKind.layer;
  for (const [name, found] of [["index", index] as const, ["recipe", recipe] as const]) {
    if ((found !== undefined) !== layer) {
      throw new InvalidFormatError(
        part,
        name,
        layer ? "present in a layer blob" : "absent",
        layer ? "absent" : "present",
      );
    }
  }
  if (seekTable?.sizeBytes !== skippableHeaderBytes + seekRowBytes * chunkCount) {
    throw new InvalidFormatError(
      part,
      "seek table",
      `the size of ${chunkCount} rows`,
      seekTable?.sizeBytes ?? "absent",
    );
  }
  checkPlaces([index, recipe, seekTable], blobBytes - footerBytes);
  return { kind, chunkCount, dataBlocks, index, recipe, seekTable };
}

/** Where the chunk frames of the blob end. */
export const framesEnd = (footer: BlobFooter): number => (footer.index ?? footer.recipe ?? footer.seekTable).offset;

function checkFixedFields(bytes: Uint8Array, view: DataView): void {
  if (!magic.equals(bytes.subarray(8, 16))) throw new InvalidFormatError(part, "magic", "SLUICEBL", "other bytes");
  const version = view.getUint16(16, true);
  if (version !== formatVersion) throw new InvalidFormatError(part, "version", `${formatVersion}`, version);
  if (!isZero(bytes, 176, footerBytes)) throw new InvalidFormatError(part, "reserved bytes", "zeros", "others");
}

function kindOf(value: number): BlobKind {
  const kind = Object.values(blobKind).find((known) => known === value);
  if (kind === undefined) throw new InvalidFormatError(part, "kind", "1, 2 or 3", value);
  return kind;
}

function section(bytes: Uint8Array, view: DataView, i: number, name: string): BlobSection | undefined {
  const offset = readU64(view, 32 + 16 * i, part, `${name} offset`);
  const sizeBytes = readU64(view, 40 + 16 * i, part, `${name} size`);
  const sha256 = bytes.slice(80 + 32 * i, 112 + 32 * i);
  if (sizeBytes > 0) return { offset, sizeBytes, sha256 };
  if (offset !== 0 || !isZero(sha256, 0, 32))
    throw new InvalidFormatError(part, name, "all zero when absent", "others");
  return undefined;
}

/** Back to back, the last one ending at `end`. */
function checkPlaces(sections: readonly (BlobSection | undefined)[], end: number): void {
  let expectedEnd = end;
  for (const found of sections.toReversed()) {
    if (found === undefined) continue;
    if (found.sizeBytes < skippableHeaderBytes || found.offset + found.sizeBytes !== expectedEnd) {
      throw new InvalidFormatError(
        part,
        `section at ${found.offset}`,
        `its end at ${expectedEnd}`,
        found.offset + found.sizeBytes,
      );
    }
    expectedEnd = found.offset;
  }
}
