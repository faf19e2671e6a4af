import type { FileRange } from "../elf/elf-file.js";

const magic = 0xcafe_dada;
export const jimageHeaderBytes = 28;
const maxTableLength = 500_000;
/** Kinds of attribute of a location. imageFile.hpp of OpenJDK */
const attribute = { module: 1, parent: 2, offset: 5, compressed: 6, uncompressed: 7 } as const;

/** Where the parts of a `modules` file of the JDK are. */
export interface JimageHeader {
  readonly tableLength: number;
  readonly locationsStart: number;
  readonly stringsStart: number;
  /** Length of header and index, behind which the classes lie. Bytes. */
  readonly indexBytes: number;
}

/** Undefined for what is none. */
export function parseJimageHeader(bytes: Buffer): JimageHeader | undefined {
  if (bytes.length < jimageHeaderBytes || bytes.readUInt32LE(0) !== magic) return undefined;
  const tableLength = bytes.readUInt32LE(16);
  const locationsStart = jimageHeaderBytes + tableLength * 8;
  const stringsStart = locationsStart + bytes.readUInt32LE(20);
  const indexBytes = stringsStart + bytes.readUInt32LE(24);
  return tableLength > maxTableLength ? undefined : { tableLength, locationsStart, stringsStart, indexBytes };
}

/** The places in the file of all classes of these packages (`java.base/java/util`), in file order. `index` is the file's first `indexBytes`. */
export function packageRanges(
  header: JimageHeader,
  index: Buffer,
  packages: ReadonlySet<string>,
): readonly FileRange[] {
  const { tableLength, locationsStart, stringsStart, indexBytes } = header;
  if (index.length < indexBytes) return [];
  const wanted = stringOffsets(index.subarray(stringsStart), packages);
  const ranges: FileRange[] = [];
  for (let i = 0; i < tableLength; i++) {
    const at = locationsStart + index.readUInt32LE(jimageHeaderBytes + tableLength * 4 + i * 4);
    const values = attributesAt(index, at, stringsStart);
    if (!wanted.has(`${values[attribute.module]}/${values[attribute.parent]}`)) continue;
    const start = indexBytes + (values[attribute.offset] ?? 0);
    ranges.push({ start, end: start + (values[attribute.compressed] || values[attribute.uncompressed] || 0) });
  }
  return ranges.sort((a, b) => a.start - b.start);
}

/** Where the two names of each package start in the table of strings: `MODULE/PARENT` as numbers. */
function stringOffsets(strings: Buffer, packages: ReadonlySet<string>): ReadonlySet<string> {
  const offsetOf = (name: string): number => {
    const found = strings.indexOf(`\0${name}\0`, 0, "latin1");
    return found === -1 ? -1 : found + 1;
  };
  const offsets = [...packages].map((name) => {
    const split = name.indexOf("/");
    return `${offsetOf(name.slice(0, split))}/${offsetOf(name.slice(split + 1))}`;
  });
  return new Set(offsets);
}

/** Attributes by kind: a byte of kind and length, then so many bytes, the highest first; kind 0 ends them. */
function attributesAt(index: Buffer, start: number, end: number): number[] {
  const values: number[] = [];
  for (let at = start; at < end; ) {
    const kind = (index[at] ?? 0) >>> 3;
    const length = ((index[at] ?? 0) & 7) + 1;
    if (kind === 0) break;
    let value = 0;
    for (let i = 1; i <= length; i++) value = value * 256 + (index[at + i] ?? 0);
    values[kind] = value;
    at += 1 + length;
  }
  return values;
}
