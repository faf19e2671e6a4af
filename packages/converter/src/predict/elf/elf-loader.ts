import type { ImageFiles } from "../image-files.js";
import type { StartupSet } from "../startup-set.js";
import { CalledCode, type LoadedElf } from "./code/called-code.js";
import { type ElfFile, readElf } from "./elf-file.js";
import { largeObjects } from "./large-objects.js";
import { LibrarySearch, withOrigin } from "./library-search.js";
import { aroundRead, type ElfRole, isPartlyRun, loadedRanges } from "./loaded-ranges.js";

/** Directories that libraries inherit from what asked for them. */
const maxRpath = 100;
/** Files up to this size are predicted whole: reading around covers them. Bytes. */
const smallFileBytes = 128 * 1024;

/** The C and C++ libraries, and OpenSSL's, which initialises all its algorithms: every process that has them runs code from all over them. */
const isOfEveryProcess = /^(libc\.(so\.6|musl)|libm\.so\.6|libcrypto\.|libstdc\+\+\.)/;

interface Mapped {
  readonly inode: number;
  readonly role: ElfRole;
  /** RPATHs of what asked for it. */
  readonly rpath: readonly string[];
}

/** Predicts what mapping programs and libraries reads: each file once, and with it the libraries it needs. */
export class ElfLoader {
  readonly #files: ImageFiles;
  readonly #set: StartupSet;
  readonly #search: LibrarySearch;
  readonly #loaded = new Set<number>();
  readonly #elfs = new Map<number, LoadedElf>();
  readonly #calls: CalledCode;

  constructor(files: ImageFiles, set: StartupSet, environment: ReadonlyMap<string, string>) {
    this.#files = files;
    this.#set = set;
    this.#search = new LibrarySearch(files, environment);
    this.#calls = new CalledCode(files, this.#elfs);
  }

  /** A file and the closure of its libraries, breadth first as the loader maps them. Nothing for what is no ELF file. */
  async load(inode: number, role: ElfRole): Promise<void> {
    const waiting: Mapped[] = [{ inode, role, rpath: [] }];
    const fresh: LoadedElf[] = [];
    for (const next of waiting) {
      if (this.#loaded.has(next.inode)) continue;
      this.#loaded.add(next.inode);
      const elf = await readElf(this.#files, next.inode);
      if (elf === undefined) continue;
      await this.#loadInterpreter(elf.interpreter);
      await this.#addRanges(next.inode, elf, next.role);
      const needed = await this.#neededBy(elf, next);
      const loaded = { inode: next.inode, elf, role: next.role, needed: needed.map((library) => library.inode) };
      this.#elfs.set(next.inode, loaded);
      fresh.push(loaded);
      waiting.push(...needed);
    }
    if (this.#hasPartlyRun(waiting)) await this.#addCalled(fresh);
  }

  /** Following calls pays where there is code that is predicted in parts, of these or of what they ask for. */
  #hasPartlyRun(loaded: readonly Mapped[]): boolean {
    const closure = new Set(loaded.map(({ inode }) => inode));
    for (const inode of closure) {
      const known = this.#elfs.get(inode);
      if (known === undefined) continue;
      if (isPartlyRun(known.elf, known.role)) return true;
      for (const next of known.needed) closure.add(next);
    }
    return false;
  }

  async #addCalled(fresh: readonly LoadedElf[]): Promise<void> {
    for (const [inode, called] of await this.#calls.runBy(fresh)) {
      const loaded = this.#elfs.get(inode);
      if (loaded === undefined || !isPartlyRun(loaded.elf, loaded.role)) continue;
      for (const { start, end } of aroundRead(called)) this.#set.addRange(inode, start, end);
    }
  }

  /** One of the files loaded so far, by its path. */
  loadedAs(path: RegExp): number | undefined {
    for (const inode of this.#loaded) if (path.test(this.#files.path(inode))) return inode;
    return undefined;
  }

  async #neededBy(elf: ElfFile, { inode, rpath: inherited }: Mapped): Promise<Mapped[]> {
    const path = this.#files.path(inode);
    const origin = path.slice(0, Math.max(1, path.lastIndexOf("/")));
    const own = elf.rpath.map((directory) => withOrigin(directory, origin));
    const rpath = [...own, ...inherited].slice(0, maxRpath);
    const found: Mapped[] = [];
    for (const name of elf.needed) {
      const library = await this.#search.find(name, elf, path, inherited);
      const role = isOfEveryProcess.test(name) ? "program" : "library";
      if (library !== -1) found.push({ inode: library, role, rpath });
    }
    return found;
  }

  async #addRanges(inode: number, elf: ElfFile, role: ElfRole): Promise<void> {
    if (elf.sizeBytes <= smallFileBytes) return this.#set.addFile(inode);
    const ranges = loadedRanges(elf, role, await largeObjects(this.#files, inode, elf));
    for (const { start, end } of ranges) this.#set.addRange(inode, start, end);
  }

  /** The loader itself and the cache it opens first. */
  async #loadInterpreter(path: string | undefined): Promise<void> {
    const inode = path === undefined ? -1 : this.#files.findFile(path);
    if (inode === -1 || this.#loaded.has(inode)) return;
    this.#loaded.add(inode);
    const elf = await readElf(this.#files, inode);
    if (elf !== undefined) await this.#addRanges(inode, elf, "program");
    this.#set.addFile(this.#files.findFile("/etc/ld.so.cache"));
  }
}
