import type { ImageFiles } from "../../image-files.js";
import { type ElfFile, type FileRange, fileOffset, type NamedSection } from "../elf-file.js";
import { sectionFlag, segmentType } from "../elf-header.js";
import type { CallBudget } from "./call-budget.js";
import { functionStarts, placeOf } from "./function-starts.js";
import { addRelocations, type Relocations } from "./relocations.js";
import { SymbolTable } from "./symbol-table.js";

/** Longest table that is read; those of a library with 47 MB have up to 2 MB. Bytes. */
const maxTableBytes = 8 * 1024 * 1024;
/** Code is read in pieces of this size, which are kept. Bytes. */
const pieceBytes = 256 * 1024;
/** Of a longer function the beginning is looked at; that of a module of Cython that makes all its objects has some hundred KiB. Bytes. */
const maxFunctionBytes = 1024 * 1024;
const stubBytes = 16;
/** Sections that are looked through for an address; real files have a handful with code. */
const maxCodeSections = 16;
const noBytes: Buffer = Buffer.alloc(0);

interface Tables {
  readonly symbols: SymbolTable;
  readonly starts: Float64Array;
  readonly relocations: Relocations;
}

/** A program or library whose calls are followed. Addresses are those that the file itself counts with. */
export class CodeFile {
  readonly inode: number;
  readonly symbols: SymbolTable;
  readonly relocations: Relocations;
  /** Where functions begin, ascending; each is known by its place here. */
  readonly starts: Float64Array;
  /** By how many calls each function was reached, plus one; 0 for those that were not. */
  readonly depths: Uint8Array;
  readonly constants: FileRange;
  readonly #files: ImageFiles;
  readonly #elf: ElfFile;
  readonly #budget: CallBudget;
  readonly #code: readonly NamedSection[];
  readonly #stubs: readonly FileRange[];
  readonly #pieces = new Map<number, Buffer>();

  private constructor(files: ImageFiles, budget: CallBudget, inode: number, elf: ElfFile, tables: Tables) {
    this.#files = files;
    this.#budget = budget;
    this.#elf = elf;
    this.inode = inode;
    this.symbols = tables.symbols;
    this.starts = tables.starts;
    this.relocations = tables.relocations;
    this.depths = new Uint8Array(tables.starts.length);
    this.constants = addresses(elf, ".rodata");
    this.#code = elf.sections.filter(({ flags }) => (flags & sectionFlag.executable) !== 0).slice(0, maxCodeSections);
    this.#stubs = [".plt", ".plt.sec", ".plt.got"].map((name) => addresses(elf, name));
  }

  /** Reads the tables. Of a module it keeps what is relocated in its data as well, which define it. */
  static async open(
    files: ImageFiles,
    budget: CallBudget,
    inode: number,
    elf: ElfFile,
    isModule: boolean,
  ): Promise<CodeFile> {
    const table = async (name: string): Promise<Buffer> => {
      const { start, end } = elf.sections.find((section) => section.name === name) ?? { start: 0, end: 0 };
      return end - start <= maxTableBytes && budget.mayRead(end - start)
        ? await files.read(inode, start, end - start)
        : noBytes;
    };
    const symbols = new SymbolTable(await table(".dynsym"), await table(".dynstr"), await table(".gnu.hash"));
    const starts = functionStarts(await table(".eh_frame_hdr"), addresses(elf, ".eh_frame_hdr").start);
    const relocations: Relocations = { symbols: new Map(), relatives: new Map() };
    const names = isModule ? [".init_array", ".data", ".data.rel.ro"] : [".init_array"];
    const wanted = names.map((name) => addresses(elf, name));
    for (const name of [".rela.dyn", ".rela.plt"]) {
      addRelocations(await table(name), relocations, (at) => wanted.some((range) => contains(range, at)));
    }
    return new CodeFile(files, budget, inode, elf, { symbols, starts, relocations });
  }

  /** Functions that the loader runs. */
  constructors(): number[] {
    const array = addresses(this.#elf, ".init_array");
    return [...this.relocations.relatives].filter(([at]) => contains(array, at)).map(([, address]) => address);
  }

  /** The place of the function that begins at an address; -1 when none does. */
  functionAt(address: number): number {
    return placeOf(this.starts, address);
  }

  /** Whether an address lies in the stubs that jump to what a word holds. */
  isStub(address: number): boolean {
    return this.#stubs.some((range) => contains(range, address));
  }

  /** The word that a stub jumps through; -1 for what is none. */
  async slotOf(stub: number): Promise<number> {
    const start = this.offset(stub);
    const code = await this.#bytes(start, start + stubBytes);
    for (let at = 0; at + 6 <= code.length; at++) {
      if (code[at] === 0xff && code[at + 1] === 0x25) return stub + at + 6 + code.readInt32LE(at + 2);
    }
    return -1;
  }

  /** Where in the file a function is: up to the next one; empty when it is in no section with code. */
  range(place: number): FileRange {
    const address = this.starts[place] ?? 0;
    const start = this.offset(address);
    const section = this.#code.find((s) => contains(s, start));
    const next = (this.starts[place + 1] ?? Number.POSITIVE_INFINITY) - address;
    return { start, end: Math.min(section?.end ?? start, start + Math.min(next, maxFunctionBytes)) };
  }

  async code(place: number): Promise<Buffer> {
    const { start, end } = this.range(place);
    return await this.#bytes(start, end);
  }

  offset(address: number): number {
    return fileOffset(this.#elf.segments, address);
  }

  /** As far as the file and the budget have them. */
  async #bytes(start: number, end: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let piece = Math.floor(start / pieceBytes); start >= 0 && piece * pieceBytes < end; piece++) {
      const bytes = await this.#piece(piece);
      parts.push(bytes.subarray(Math.max(0, start - piece * pieceBytes), end - piece * pieceBytes));
    }
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
  }

  async #piece(piece: number): Promise<Buffer> {
    const known = this.#pieces.get(piece);
    if (known !== undefined) return known;
    const isAllowed = this.#budget.mayRead(pieceBytes);
    const bytes = isAllowed ? await this.#files.read(this.inode, piece * pieceBytes, pieceBytes) : noBytes;
    this.#pieces.set(piece, bytes);
    return bytes;
  }
}

const contains = ({ start, end }: FileRange, at: number): boolean => start <= at && at < end;

/** The addresses of the first section of a name; empty when there is none. */
function addresses({ sections, segments }: ElfFile, name: string): FileRange {
  const found = sections.find((section) => section.name === name);
  if (found === undefined) return { start: 0, end: 0 };
  const { start, end } = found;
  const segment = segments.find(({ type, offset, fileBytes }) => {
    return type === segmentType.load && offset <= start && start < offset + fileBytes;
  });
  const distance = segment === undefined ? 0 : segment.address - segment.offset;
  return { start: start + distance, end: end + distance };
}
