import type { ImageFiles } from "../image-files.js";
import {
  type ElfHeader,
  type ElfSegment,
  elfHeaderBytes,
  parseDynamic,
  parseElfHeader,
  parseSections,
  parseSegments,
  sectionBytes,
  segmentBytes,
  segmentType,
} from "./elf-header.js";

/** Bytes of a file that are read together. */
export interface FileRange {
  readonly start: number;
  readonly end: number;
}

export interface NamedSection extends FileRange {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
}

/** What the loader, and the prediction, want to know of a program or library. Offsets lie inside the file. */
export interface ElfFile {
  readonly sizeBytes: number;
  readonly segments: readonly ElfSegment[];
  /** In file order; empty where the file has no names for them. */
  readonly sections: readonly NamedSection[];
  /** Path of the loader; undefined for libraries and static programs. */
  readonly interpreter: string | undefined;
  /** Names of the libraries it asks for, in order. */
  readonly needed: readonly string[];
  /** DT_RPATH, unless there is a DT_RUNPATH. */
  readonly rpath: readonly string[];
  readonly runPath: readonly string[];
}

const dynamicTag = { needed: 1, stringTable: 5, rpath: 15, runPath: 29 } as const;
const maxDynamicBytes = 64 * 1024;
const maxStringBytes = 1024;
const maxNeeded = 1000;

/** Reads headers and dynamic section; undefined for what is no 64-bit ELF file. Damaged parts are left out. */
export async function readElf(files: ImageFiles, inode: number): Promise<ElfFile | undefined> {
  const header = parseElfHeader(await files.read(inode, 0, elfHeaderBytes));
  if (header === undefined) return undefined;
  const segments = parseSegments(await files.read(inode, header.segmentsOffset, header.segmentCount * segmentBytes));
  const interpreter = segments.find(({ type }) => type === segmentType.interpreter);
  return {
    sizeBytes: files.sizeBytes(inode),
    segments,
    sections: await readSections(files, inode, header),
    interpreter: interpreter && (await readString(files, inode, interpreter.offset)),
    ...(await readDynamic(files, inode, segments)),
  };
}

async function readSections(files: ImageFiles, inode: number, header: ElfHeader): Promise<NamedSection[]> {
  const rows = parseSections(await files.read(inode, header.sectionsOffset, header.sectionCount * sectionBytes));
  const table = rows[header.sectionNamesIndex];
  if (table === undefined) return [];
  const names = await files.read(inode, table.offset, Math.min(table.sizeBytes, 64 * 1024));
  const sizeBytes = files.sizeBytes(inode);
  return rows
    .filter(({ offset, sizeBytes: size }) => size > 0 && offset + size <= sizeBytes)
    .map(({ nameOffset, type, flags, offset, sizeBytes: size }) => {
      return { name: stringAt(names, nameOffset), type, flags, start: offset, end: offset + size };
    })
    .sort((a, b) => a.start - b.start || a.end - b.end);
}

type Dynamic = Pick<ElfFile, "needed" | "rpath" | "runPath">;

async function readDynamic(files: ImageFiles, inode: number, segments: readonly ElfSegment[]): Promise<Dynamic> {
  const segment = segments.find(({ type }) => type === segmentType.dynamic);
  const bytes = segment && (await files.read(inode, segment.offset, Math.min(segment.fileBytes, maxDynamicBytes)));
  const entries = bytes === undefined ? [] : parseDynamic(bytes);
  const table = fileOffset(segments, entries.find(([tag]) => tag === dynamicTag.stringTable)?.[1] ?? 0);
  const strings = async (wanted: number): Promise<string[]> => {
    const found: string[] = [];
    for (const [tag, value] of entries) {
      if (tag === wanted && found.length < maxNeeded) found.push(await readString(files, inode, table + value));
    }
    return found;
  };
  const runPath = await strings(dynamicTag.runPath);
  const rpath = runPath.length > 0 ? [] : await strings(dynamicTag.rpath);
  return { needed: await strings(dynamicTag.needed), runPath: directoriesOf(runPath), rpath: directoriesOf(rpath) };
}

/** Where in the file the byte is that the loader puts at `address`; -1 when none is. */
export function fileOffset(segments: readonly ElfSegment[], address: number): number {
  const segment = segments.find(
    (s) => s.type === segmentType.load && s.address <= address && address < s.address + s.fileBytes,
  );
  return segment === undefined ? -1 : segment.offset + address - segment.address;
}

const readString = async (files: ImageFiles, inode: number, offset: number): Promise<string> =>
  stringAt(await files.read(inode, offset, maxStringBytes), 0);

function stringAt(bytes: Buffer, start: number): string {
  const end = bytes.indexOf(0, start);
  return start >= bytes.length || end === -1 ? "" : bytes.toString("latin1", start, end);
}

const directoriesOf = (lists: readonly string[]): string[] =>
  lists.flatMap((list) => list.split(":")).filter((directory) => directory !== "");
