import type { ElfFile, NamedSection } from "./elf-file.js";
import { sectionFlag, sectionType, segmentFlag, segmentType } from "./elf-header.js";

/** Bytes of a file that are read together. */
export interface FileRange {
  readonly start: number;
  readonly end: number;
}

/** How much of its code a start runs: a program's own most of it, a library's only when it is small. */
export type ElfRole = "program" | "library";

/**
 * Longest code, and longest constants, of a library that are predicted. Measured (docs/adr/0008): of code up to 256 KiB a start reads 93 %, read-ahead of the kernel
 * included, of longer code less than 60 %.
 */
const maxLibraryCodeBytes = 96 * 4096;
const maxLibraryConstantBytes = 64 * 4096;
/** A library without section names: its first bytes hold the tables. */
const sectionlessBytes = 64 * 1024;

/** Sections that the loader does not read, nor a start. */
const unread = /^\.(eh_frame|gcc_except_table|debug|symtab|strtab|shstrtab|comment|note\.stapsdt|gnu_debug|gnu\.build)/;
const code = /^\.(text|fini)/;
const constants = /^\.(rodata|lrodata)/;

/**
 * What the start of a process reads of a program or library: the tables that the loader resolves symbols and relocations with, all that is
 * relocated or written, and the code and constants as {@link ElfRole} says. In that order.
 */
export function loadedRanges(elf: ElfFile, role: ElfRole): FileRange[] {
  if (elf.sections.length === 0) return withoutSections(elf);
  const kept = elf.sections.filter((section) => isRead(section, elf, role));
  const header = { start: 0, end: 4096 };
  return [header, ...kept.filter((section) => !isCode(section)), ...kept.filter(isCode)].map(({ start, end }) => ({
    start,
    end,
  }));
}

function isRead(section: NamedSection, elf: ElfFile, role: ElfRole): boolean {
  const { name, type, flags, start, end } = section;
  if (type === sectionType.noBits || (flags & sectionFlag.allocated) === 0 || unread.test(name)) return false;
  if (code.test(name)) return role === "program" || end - start <= maxLibraryCodeBytes;
  if (constants.test(name)) return end - start <= (role === "program" ? elf.sizeBytes / 4 : maxLibraryConstantBytes);
  return true;
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
