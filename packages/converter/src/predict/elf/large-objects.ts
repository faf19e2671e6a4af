import type { ImageFiles } from "../image-files.js";
import type { ElfFile, FileRange } from "./elf-file.js";
import { fileOffset } from "./elf-file.js";
import { parseSymbols, sectionType, symbolBytes } from "./elf-header.js";

/** Objects from this size on are tables of which a start looks at a few places, such as the data of ICU. Bytes. */
const largeObjectBytes = 4 * 1024 * 1024;
/** Longest symbol table that is looked through. Bytes. */
const maxTableBytes = 16 * 1024 * 1024;
/** Large objects of one file that are looked at; real ones have a few. Every section is compared with each. */
const maxObjects = 256;

/** Where the large data objects of a file lie, as its symbols tell, each once. */
export async function largeObjects(files: ImageFiles, inode: number, elf: ElfFile): Promise<readonly FileRange[]> {
  if (!elf.sections.some(({ start, end }) => end - start >= largeObjectBytes)) return [];
  const found = new Map<number, FileRange>();
  for (const { type, start, end } of elf.sections) {
    const isTable = type === sectionType.symbols || type === sectionType.dynamicSymbols;
    if (!isTable || end - start > maxTableBytes) continue;
    const bytes = await files.read(inode, start, end - start - ((end - start) % symbolBytes));
    for (const { address, sizeBytes } of parseSymbols(bytes, largeObjectBytes).slice(0, maxObjects)) {
      if (found.size >= maxObjects) break;
      const at = fileOffset(elf.segments, address);
      if (at !== -1) found.set(at, { start: at, end: at + sizeBytes });
    }
  }
  return [...found.values()].sort((a, b) => a.start - b.start);
}
