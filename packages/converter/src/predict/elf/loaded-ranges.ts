import type { ElfFile, FileRange, NamedSection } from "./elf-file.js";
import { sectionFlag, sectionType, segmentFlag, segmentType } from "./elf-header.js";

/** How much of its code a start runs: of a program most, of a module (loaded by its path, as Python does) what makes its functions known, of a library what initialises it. */
export type ElfRole = "program" | "module" | "library";

const pageBytes = 4096;
/**
 * How much of the sections of a library is predicted; measured with the kernel's read-ahead of 128 KiB (docs/adr/0008-prediction.md). Code: compilers put
 * what runs once, constructors and the like, first, and what follows is reached from everywhere; the end is read with what lies behind it.
 */
interface Parts {
  /** Up to this size, all of it; else the start and the end. */
  readonly whole: number;
  readonly start: number;
  readonly end: number;
}
const all: Parts = { whole: Number.POSITIVE_INFINITY, start: 0, end: 0 };
const pages = (whole: number, start: number, end: number): Parts => {
  return { whole: whole * pageBytes, start: start * pageBytes, end: end * pageBytes };
};
const codeOf: Readonly<Record<ElfRole, Parts>> = {
  program: all,
  module: pages(144, 112, 12),
  library: pages(64, 48, 12),
};
const constantsOf: Readonly<Record<ElfRole, Parts>> = {
  program: all,
  module: pages(256, 64, 64),
  library: pages(128, 64, 16),
};
/** Of a large object, where its table of contents lies. */
const objectStartBytes = 32 * pageBytes;
/** Tables for exceptions are not read, but lie between what is when they are short. */
const wholeTableBytes = 24 * pageBytes;
/** A file without section names: its first bytes hold the tables. */
const sectionlessBytes = 16 * pageBytes;

/** Half of the kernel's read-ahead of 128 KiB: mm/filemap.c, do_sync_mmap_readahead. */
const readAroundBytes = 16 * pageBytes;

const exceptionTables = /^\.(eh_frame|gcc_except_table)/;
const unread = /^\.(debug|symtab|strtab|shstrtab|comment|note\.stapsdt|gnu_debug|gnu\.build)/;

/**
 * What the start of a process reads of a program or library: the tables that the loader resolves symbols and relocations with, all that is relocated or
 * written, constants, and code as {@link ElfRole} says; code last. `large` are objects that are read in few places.
 */
export function loadedRanges(elf: ElfFile, role: ElfRole, large: readonly FileRange[] = []): FileRange[] {
  if (elf.sections.length === 0) return withoutSections(elf);
  const kept = elf.sections.filter(({ type, flags, name }) => {
    return type !== sectionType.noBits && (flags & sectionFlag.allocated) !== 0 && !unread.test(name);
  });
  const inOrder = [...kept.filter((section) => !isCode(section)), ...kept.filter(isCode)];
  const ranges = inOrder.flatMap((section) => rangesOf(section, role));
  return [{ start: 0, end: pageBytes }, ...ranges.flatMap((range) => without(range, large))];
}

/** Whether there is code of which {@link loadedRanges} takes parts. */
export const isPartlyRun = ({ sections }: ElfFile, role: ElfRole): boolean =>
  role !== "program" && sections.some((section) => isCode(section) && section.end - section.start > codeOf[role].whole);

/** What is read when these places of a file are: the kernel reads as many bytes before a page that is missing as behind it. In order, apart from one another. */
export function aroundRead(places: readonly FileRange[]): FileRange[] {
  const found: FileRange[] = [];
  let last: FileRange | undefined;
  for (const place of [...places].sort((a, b) => a.start - b.start)) {
    const start = Math.max(0, place.start - readAroundBytes);
    const end = place.end + readAroundBytes;
    if (last !== undefined && start <= last.end) {
      last = { start: last.start, end: Math.max(last.end, end) };
      found[found.length - 1] = last;
    } else {
      last = { start, end };
      found.push(last);
    }
  }
  return found;
}

function rangesOf(section: NamedSection, role: ElfRole): FileRange[] {
  const { name, flags, start, end } = section;
  const bytes = end - start;
  if (exceptionTables.test(name)) return bytes <= wholeTableBytes ? [section] : [];
  const isConstant = (flags & sectionFlag.writable) === 0 && /^\.l?rodata/.test(name);
  const parts = isCode(section) ? codeOf[role] : isConstant ? constantsOf[role] : all;
  if (bytes <= parts.whole) return [section];
  return [
    { start, end: start + parts.start },
    { start: end - parts.end, end },
  ];
}

/** The parts of a range outside of large objects, and the beginnings of those. */
function without({ start, end }: FileRange, large: readonly FileRange[]): FileRange[] {
  const parts: FileRange[] = [];
  let from = start;
  for (const object of large) {
    if (object.end <= from || object.start >= end) continue;
    parts.push({ start: from, end: Math.min(end, object.start + objectStartBytes) });
    from = object.end;
  }
  if (from < end) parts.push({ start: from, end });
  return parts.filter((part) => part.start < part.end);
}

const isCode = ({ flags }: NamedSection): boolean => (flags & sectionFlag.executable) !== 0;

/** Writable segments, and the beginning of the others. */
const withoutSections = ({ segments }: ElfFile): FileRange[] =>
  segments
    .filter(({ type }) => type === segmentType.load)
    .map(({ flags, offset, fileBytes }) => {
      const isWritable = (flags & segmentFlag.writable) !== 0;
      return { start: offset, end: offset + (isWritable ? fileBytes : Math.min(fileBytes, sectionlessBytes)) };
    });
