import type { ImageFiles } from "../../image-files.js";
import type { ElfFile, FileRange } from "../elf-file.js";
import type { ElfRole } from "../loaded-ranges.js";
import { CallBudget } from "./call-budget.js";
import { callSites } from "./call-sites.js";
import { CodeFile } from "./code-file.js";
import { moduleBeginnings } from "./module-beginnings.js";
import { gnuHash } from "./symbol-table.js";

/** A program or library that is loaded, and those it asks for. */
export interface LoadedElf {
  readonly inode: number;
  readonly elf: ElfFile;
  readonly role: ElfRole;
  readonly needed: readonly number[];
}

/** Calls from a beginning that are followed: twelve found 6 pages more than seven of the 538 that a start of Python touches of libarrow. */
const maxDepth = 7;
/** What looking for a name in one library takes, in bytes of code looked at. */
const lookupWork = 256;

interface Called {
  readonly file: CodeFile;
  readonly place: number;
  readonly depth: number;
}

type Target = Omit<Called, "depth">;

/** Follows calls through loaded libraries: what code does as it is loaded, as far as its calls name what they call. */
export class CalledCode {
  readonly #files: ImageFiles;
  readonly #loaded: ReadonlyMap<number, LoadedElf>;
  readonly #budget = new CallBudget();
  readonly #open = new Map<number, CodeFile>();
  /** By file and word: what the loader writes there. */
  readonly #slots = new Map<CodeFile, Map<number, Target | undefined>>();

  /** `loaded` grows as files are loaded. */
  constructor(files: ImageFiles, loaded: ReadonlyMap<number, LoadedElf>) {
    this.#files = files;
    this.#loaded = loaded;
  }

  /**
   * What loading `fresh` runs and was not found before, by inode: functions, and places in constants that they refer to. Where programs begin is not told, and
   * code of theirs is not followed: all of it is predicted.
   */
  async runBy(fresh: readonly LoadedElf[]): Promise<ReadonlyMap<number, readonly FileRange[]>> {
    const found = new Map<number, FileRange[]>();
    const waiting: Called[] = [];
    for (const loaded of fresh) await this.#begin(loaded, waiting);
    for (const { file, place, depth } of waiting) {
      if (this.#budget.isSpent) break;
      if (file.depths[place] !== depth + 1) continue; // reached by fewer calls meanwhile
      const ranges = found.get(file.inode) ?? [];
      found.set(file.inode, ranges);
      const range = file.range(place);
      if (range.start < range.end) ranges.push(range);
      if (depth < maxDepth) await this.#follow(file, place, depth + 1, waiting, ranges);
    }
    return found;
  }

  async #begin({ inode, role }: LoadedElf, waiting: Called[]): Promise<void> {
    if (role === "program") return;
    const file = await this.#file(inode);
    const beginnings = role === "module" ? await moduleBeginnings(file) : [];
    for (const address of [...file.constructors(), ...beginnings]) this.#reach(file, address, 0, waiting);
  }

  async #follow(file: CodeFile, place: number, depth: number, waiting: Called[], ranges: FileRange[]): Promise<void> {
    const code = await file.code(place);
    this.#budget.spend(code.length);
    const { targets, slots, taken } = callSites(code, file.starts[place] ?? 0);
    for (const target of targets) {
      if (file.isStub(target)) await this.#through(file, await file.slotOf(target), depth, waiting);
      else this.#reach(file, target, depth, waiting);
    }
    for (const slot of slots) await this.#through(file, slot, depth, waiting);
    for (const address of taken) {
      this.#reach(file, address, maxDepth, waiting); // a callback, which may be called: nothing that it calls is
      const { start, end } = file.constants;
      if (start <= address && address < end)
        ranges.push({ start: file.offset(address), end: file.offset(address) + 1 });
    }
  }

  #reach(file: CodeFile, address: number, depth: number, waiting: Called[]): void {
    const target = targetAt(file, address);
    if (target !== undefined) addCall({ ...target, depth }, waiting);
  }

  async #through(file: CodeFile, slot: number, depth: number, waiting: Called[]): Promise<void> {
    const symbol = file.relocations.symbols.get(slot);
    if (symbol === undefined) return;
    const known = this.#slots.get(file) ?? new Map<number, Target | undefined>();
    this.#slots.set(file, known);
    if (!known.has(symbol)) known.set(symbol, await this.#resolve(file, symbol));
    const target = known.get(symbol);
    if (target !== undefined) addCall({ ...target, depth }, waiting);
  }

  /** Looks in the file itself and then, breadth first, in what it asks for, without what is predicted whole. */
  async #resolve(asking: CodeFile, symbol: number): Promise<Target | undefined> {
    const name = asking.symbols.name(symbol);
    if (name.length === 0) return undefined;
    const hash = gnuHash(name);
    const scope = new Set([asking.inode]);
    for (const inode of scope) {
      const loaded = this.#loaded.get(inode);
      if (loaded === undefined || loaded.role === "program") continue;
      this.#budget.spend(lookupWork + loaded.needed.length);
      if (this.#budget.isSpent) return undefined;
      const file = await this.#file(inode);
      const address = file.symbols.find(name, hash);
      if (address > 0) return targetAt(file, address);
      for (const next of loaded.needed) scope.add(next);
    }
    return undefined;
  }

  async #file(inode: number): Promise<CodeFile> {
    const known = this.#open.get(inode);
    if (known !== undefined) return known;
    const loaded = this.#loaded.get(inode);
    if (loaded === undefined) throw new Error(`inode ${inode} is not loaded`);
    const file = await CodeFile.open(this.#files, this.#budget, inode, loaded.elf, loaded.role === "module");
    this.#open.set(inode, file);
    return file;
  }
}

function targetAt(file: CodeFile, address: number): Target | undefined {
  const place = file.functionAt(address);
  return place === -1 ? undefined : { file, place };
}

function addCall(called: Called, waiting: Called[]): void {
  const known = called.file.depths[called.place] ?? 0;
  if (known !== 0 && known <= called.depth + 1) return;
  called.file.depths[called.place] = called.depth + 1;
  waiting.push(called);
}
