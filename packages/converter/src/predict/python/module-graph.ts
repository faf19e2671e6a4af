import { dirname } from "node:path/posix";
import type { Prediction } from "../prediction.js";
import { extensionImports } from "./extension-imports.js";
import { ModuleSearch, type PythonModule } from "./module-search.js";
import { addPackageData } from "./package-data.js";
import type { PythonInstallation } from "./python-installation.js";
import { type PythonImport, scanPythonImports } from "./scan-imports.js";

/** Modules inside the interpreter that are imported in `try`. */
const builtIns = new Set(
  "_abc _bisect _collections _datetime _functools _heapq _io _json _operator _pickle _random _sha512 _sre _statistics _struct _thread _weakref array binascii itertools marshal math posix pwd grp select sys time zlib".split(
    " ",
  ),
);
const maxModules = 30_000;
const maxNameParts = 50;
const maxKnown = 300_000;

/** A module whose imports are being followed. */
interface Running {
  /** Package that relative imports start from: dotted names and, for each, its directory. */
  readonly package: readonly string[];
  readonly imports: readonly PythonImport[];
  next: number;
  /** The last import that is no fallback did not find its module. */
  hasFailed: boolean;
}

/** The modules that a script imports as it starts, depth first as Python runs them, each once. */
export class PythonModules {
  readonly #prediction: Prediction;
  readonly #search: ModuleSearch;
  readonly #path: readonly string[];
  /** By dotted name; undefined for what is not there or built in. */
  readonly #modules = new Map<string, PythonModule | undefined>();

  /** What was looked for, loaded or not. */
  readonly #known = new Map<string, PythonModule | undefined>();

  constructor(prediction: Prediction, installation: PythonInstallation, path: readonly string[]) {
    this.#prediction = prediction;
    this.#search = new ModuleSearch(prediction.files, installation);
    this.#path = path;
  }

  /** The main script. */
  async addScript(inode: number): Promise<void> {
    this.#prediction.set.addFile(inode);
    await this.#run(await this.#importsOf(inode), []);
  }

  /** A module by its dotted name, as `-m` and the interpreter's own start import it. */
  async addModule(name: string): Promise<void> {
    await this.#run([{ level: -1, module: "", names: [name], isFallback: false }], []);
  }

  async #run(imports: readonly PythonImport[], own: readonly string[]): Promise<void> {
    const stack: Running[] = [{ package: own, imports, next: 0, hasFailed: false }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const next = top.imports[top.next++];
      if (next === undefined) stack.pop();
      else if (!next.isFallback || top.hasFailed) await this.#follow(next, top, stack);
    }
  }

  /** Loads what one statement names and was not loaded; the modules whose own imports come next go on the stack, the first one last. */
  async #follow({ level, module, names, isFallback }: PythonImport, from: Running, stack: Running[]): Promise<void> {
    const started: Running[] = [];
    const base = level <= 0 ? [] : from.package.slice(0, Math.max(0, from.package.length - (level - 1)));
    const target = [...base, ...module.split(".").filter((part) => part !== "")];
    const wanted = level === -1 ? names.map((name) => name.split(".")) : [target];
    let isThere = level <= 0 || base.length > 0;
    for (const parts of isThere ? wanted : []) isThere = (await this.#load(parts, started)) && isThere;
    if (level !== -1 && isThere)
      for (const name of names) if (name !== "*") await this.#load([...target, name], started);
    if (!isFallback) from.hasFailed = !isThere;
    stack.push(...started.reverse());
  }

  /** A module and the packages above it. @returns whether it is there, as a file or built in */
  async #load(parts: readonly string[], started: Running[]): Promise<boolean> {
    if (parts.length > maxNameParts) return false;
    let directories = this.#path;
    for (let count = 1; count <= parts.length; count++) {
      const module = await this.#loadOne(parts.slice(0, count), directories, started);
      if (module === undefined) return parts.length === 1 && builtIns.has(parts.join("."));
      directories = module.directory === undefined ? [] : [module.directory];
    }
    return true;
  }

  async #loadOne(
    parts: readonly string[],
    directories: readonly string[],
    started: Running[],
  ): Promise<PythonModule | undefined> {
    const name = parts.join(".");
    if (this.#modules.has(name) || this.#modules.size >= maxModules) return this.#modules.get(name);
    const module = this.#search.find(parts.at(-1) ?? "", directories);
    this.#modules.set(name, module);
    if (module !== undefined) await this.#enter(module, parts, started);
    return module;
  }

  async #enter(
    { inode, isExtension, directory }: PythonModule,
    name: readonly string[],
    started: Running[],
  ): Promise<void> {
    const { set, elf, files } = this.#prediction;
    if (inode === -1) return;
    if (isExtension) {
      await elf.load(inode, "module");
      const names = (await extensionImports(files, inode)).filter((imported) => this.#isExtension(imported.split(".")));
      const imports = names.map((imported) => ({ level: -1, module: "", names: [imported], isFallback: false }));
      started.push({ package: [], imports, next: 0, hasFailed: false });
      return;
    }
    const compiled = this.#search.compiledOf(inode);
    set.addFile(compiled === -1 ? inode : compiled);
    addPackageData(name.join("."), directory ?? dirname(files.path(inode)), this.#prediction);
    if (files.sizeBytes(inode) === 0) return;
    const own = directory === undefined ? name.slice(0, -1) : name;
    started.push({ package: own, imports: await this.#importsOf(inode), next: 0, hasFailed: false });
  }

  #isExtension(parts: readonly string[]): boolean {
    return this.#lookUp(parts)?.isExtension === true;
  }

  /** Finds a module without loading anything; what was looked for once is remembered. */
  #lookUp(parts: readonly string[]): PythonModule | undefined {
    const name = parts.join(".");
    if (this.#known.has(name)) return this.#known.get(name);
    const above = parts.length > 1 ? this.#lookUp(parts.slice(0, -1)) : undefined;
    const directories = parts.length === 1 ? this.#path : above?.directory === undefined ? [] : [above.directory];
    const module = this.#search.find(parts.at(-1) ?? "", directories);
    if (this.#known.size < maxKnown) this.#known.set(name, module);
    return module;
  }

  async #importsOf(source: number): Promise<readonly PythonImport[]> {
    const text = await this.#prediction.files.readText(source);
    return text === undefined ? [] : scanPythonImports(text);
  }
}
