import type { ElfFile, FileRange, NamedSection } from "./elf-file.js";
import { sectionFlag, sectionType, segmentFlag, segmentType } from "./elf-header.js";

/** How much of its code a start runs: of a program most, of a library what initialises it. */
export type ElfRole = "program" | "library";

const pageBytes = 4096;
/**
 * How much of the sections of a library is predicted; measured with the kernel's read-ahead of 128 KiB (docs/adr/0008-prediction.md). Code: compilers put
 * what runs once, constructors and the like, first, and what follows is reached from everywhere; the end is read with what lies behind it.
 */
const wholeCodeBytes = 128 * pageBytes;
const codeStartBytes = 96 * pageBytes;
const codeEndBytes = 12 * pageBytes;
const wholeConstantBytes = 1024 * pageBytes;
const constantStartBytes = 64 * pageBytes;
/** Of a large object, where its table of contents lies. */
const objectStartBytes = 32 * pageBytes;
/** Tables for exceptions are not read, but lie between what is when they are short. */
const wholeTableBytes = 24 * pageBytes;
/** A file without section names: its first bytes hold the tables. */
const sectionlessBytes = 16 * pageBytes;

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

function rangesOf(section: NamedSection, role: ElfRole): FileRange[] {
  const { name, flags, start, end } = section;
  const bytes = end - start;
  if (exceptionTables.test(name)) return bytes <= wholeTableBytes ? [section] : [];
  if (isCode(section)) {
    if (role === "program" || bytes <= wholeCodeBytes) return [section];
    return [
      { start, end: start + codeStartBytes },
      { start: end - codeEndBytes, end },
    ];
  }
  const isConstant = (flags & sectionFlag.writable) === 0 && /^\.l?rodata/.test(name);
  if (!isConstant || role === "program" || bytes <= wholeConstantBytes) return [section];
  return [{ start, end: start + constantStartBytes }];
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
