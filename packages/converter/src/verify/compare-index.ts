import { type ByteStrings, byteString, type LayerIndex } from "@sluice/disk";
import { shownPath } from "../tar/errors.js";

const numbers = [
  ...(["type", "mode", "uid", "gid", "mtimeSeconds", "mtimeNanoseconds"] as const),
  ...(["sizeBytes", "startBlock", "rdevMajor", "rdevMinor"] as const),
] as const;
const strings = ["path", "target", "xattrs"] as const;

/** The first entry in which an index is not the expected one, as people read it; undefined when they are equal. */
export function indexDifference(actual: LayerIndex, expected: LayerIndex): string | undefined {
  const rows = Math.min(actual.entryCount, expected.entryCount);
  for (let row = 0; row < rows; row++) {
    const column = differingColumn(actual, expected, row);
    if (column !== undefined) return `entry ${row}, ${shownPath(byteString(actual.path, row))}: ${column}`;
  }
  if (actual.entryCount !== expected.entryCount) return `number of entries ${actual.entryCount}`;
  return actual.dataBlocks === expected.dataBlocks ? undefined : `blocks of the data space ${actual.dataBlocks}`;
}

function differingColumn(actual: LayerIndex, expected: LayerIndex, row: number): string | undefined {
  for (const column of numbers) {
    if (actual[column][row] !== expected[column][row]) return `${column} ${actual[column][row]}`;
  }
  return strings.find((column) => !sameString(actual[column], expected[column], row));
}

const sameString = (a: ByteStrings, b: ByteStrings, row: number): boolean =>
  Buffer.compare(byteString(a, row), byteString(b, row)) === 0;
