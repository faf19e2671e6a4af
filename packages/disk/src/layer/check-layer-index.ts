import { blocksOf } from "../blocks.js";
import { type ByteStrings, byteString } from "../byte-strings.js";
import { maxDataBlocks } from "../frames/footer.js";
import { InvalidFormatError } from "../invalid-format-error.js";
import { entryType, type LayerIndex } from "./layer-index.js";
import { maxPathBytes, pathFault } from "./normal-path.js";
import { checkXattrs } from "./xattr-list.js";

const part = "layer index";
/** Linux: a device number has 12 bits for the major and 20 for the minor part. */
const maxMajor = 0xfff;
const maxMinor = 0xf_ffff;

/** The rules of docs/format.md §2.4. @throws {InvalidFormatError} naming the entry and the field */
export function checkLayerIndex(index: LayerIndex): void {
  if (index.dataBlocks > maxDataBlocks) {
    throw new InvalidFormatError(part, "blocks", `at most ${maxDataBlocks}`, index.dataBlocks);
  }
  checkEnds(index.path, index.entryCount, "path");
  checkEnds(index.target, index.entryCount, "target");
  checkEnds(index.xattrs, index.entryCount, "xattrs");
  for (let entry = 0; entry < index.entryCount; entry++) {
    checkAttributes(index, entry);
    checkExtent(index, entry);
    checkDevice(index, entry);
    checkPath(index, entry);
    checkTarget(index, entry);
    if ((index.xattrs.ends[entry + 1] ?? 0) > (index.xattrs.ends[entry] ?? 0)) {
      checkXattrs(byteString(index.xattrs, entry), part, `entry ${entry}`);
    }
  }
}

function checkEnds({ ends, bytes }: ByteStrings, rows: number, column: string): void {
  if (ends.length !== rows + 1) throw new InvalidFormatError(part, column, `${rows + 1} ends`, ends.length);
  let previous = 0;
  for (let row = 0; row <= rows; row++) {
    const end = ends[row] ?? 0;
    if (end < previous || (row === 0 && end !== 0)) {
      throw new InvalidFormatError(part, `${column}, end ${row}`, `at least ${previous}, the first 0`, end);
    }
    previous = end;
  }
  if (previous !== bytes.length) throw new InvalidFormatError(part, `${column}, last end`, `${bytes.length}`, previous);
}

function checkAttributes(index: LayerIndex, entry: number): void {
  const type = index.type[entry] ?? 0;
  if (type < entryType.file || type > entryType.opaque) throw fault(entry, "a type from 1 to 9", type);
  const mode = index.mode[entry] ?? 0;
  if (mode > 0o7777) throw fault(entry, "a mode of at most 0o7777", `0o${mode.toString(8)}`);
  const nanoseconds = index.mtimeNanoseconds[entry] ?? 0;
  if (nanoseconds > 999_999_999) throw fault(entry, "at most 999,999,999 nanoseconds", nanoseconds);
  const seconds = index.mtimeSeconds[entry] ?? 0;
  if (!Number.isSafeInteger(seconds)) throw fault(entry, "mtime seconds within ±(2^53 - 1)", seconds);
}

function checkExtent(index: LayerIndex, entry: number): void {
  const size = index.sizeBytes[entry] ?? 0;
  const start = index.startBlock[entry] ?? 0;
  if (!Number.isSafeInteger(size) || size < 0) throw fault(entry, "a size from 0 to 2^53 - 1", size);
  if (index.type[entry] !== entryType.file || size === 0) {
    if (size !== 0) throw fault(entry, "no size, as it is no file", size);
    if (start !== 0) throw fault(entry, "start block 0, as it has no content", start);
    return;
  }
  if (start + blocksOf(size) > index.dataBlocks) {
    throw fault(entry, `content that ends by block ${index.dataBlocks}`, start + blocksOf(size));
  }
}

function checkDevice(index: LayerIndex, entry: number): void {
  const major = index.rdevMajor[entry] ?? 0;
  const minor = index.rdevMinor[entry] ?? 0;
  if (major === 0 && minor === 0) return;
  const type = index.type[entry];
  if (type !== entryType.characterDevice && type !== entryType.blockDevice) {
    throw fault(entry, "no device number, as it is no device", `${major}:${minor}`);
  }
  if (major > maxMajor || minor > maxMinor) {
    throw fault(entry, `a device number of at most ${maxMajor}:${maxMinor}`, `${major}:${minor}`);
  }
}

function checkPath(index: LayerIndex, entry: number): void {
  const start = index.path.ends[entry] ?? 0;
  const end = index.path.ends[entry + 1] ?? 0;
  const found = pathFault(index.path.bytes, start, end);
  if (found !== undefined) throw fault(entry, "a path in normal form", found);
  const type = index.type[entry];
  if (start === end && type !== entryType.directory && type !== entryType.opaque) {
    throw fault(entry, "a path, as only a directory can be the root", "an empty one");
  }
}

function checkTarget(index: LayerIndex, entry: number): void {
  const { ends, bytes } = index.target;
  const start = ends[entry] ?? 0;
  const end = ends[entry + 1] ?? 0;
  const type = index.type[entry];
  if (type === entryType.symlink) {
    if (start === end || end - start > maxPathBytes) {
      throw fault(entry, `a symlink target of 1 to ${maxPathBytes} bytes`, end - start);
    }
    if (bytes.subarray(start, end).includes(0)) throw fault(entry, "a symlink target without NUL", "a NUL");
  } else if (type === entryType.hardLink) {
    const found = start === end ? "an empty one" : pathFault(bytes, start, end);
    if (found !== undefined) throw fault(entry, "a hard link target in normal form", found);
  } else if (start !== end) {
    throw fault(entry, "no target, as it is no link", `${end - start} bytes`);
  }
}

const fault = (entry: number, expected: string, found: unknown): InvalidFormatError =>
  new InvalidFormatError(part, `entry ${entry}`, expected, found);
