import type { Prediction } from "../prediction.js";
import { ModuleSearch, type PythonModule } from "./module-search.js";
import type { PythonInstallation } from "./python-installation.js";
import { type PythonImport, scanPythonImports } from "./scan-imports.js";

const maxModules = 30_000;
const maxNameParts = 50;

/** A module whose imports are being followed. */
interface Running {
  /** Package that relative imports start from: dotted names and, for each, its directory. */
  readonly package: readonly string[];
  readonly imports: readonly PythonImport[];
  next: number;
}

/** The modules that a script imports as it starts, depth first as Python runs them, each once. */
export class PythonModules {
  readonly #prediction: Prediction;
  readonly #search: ModuleSearch;
  readonly #path: readonly string[];
  /** By dotted name; undefined for what is not there or built in. */
  readonly #modules = new Map<string, PythonModule | undefined>();

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
    await this.#run([{ level: -1, module: "", names: [name] }], []);
  }

  async #run(imports: readonly PythonImport[], own: readonly string[]): Promise<void> {
    const stack: Running[] = [{ package: own, imports, next: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const next = top.imports[top.next++];
      if (next === undefined) stack.pop();
      else stack.push(...(await this.#follow(next, top.package)).reverse());
    }
  }

  /** Loads what one statement names and was not loaded; gives the modules whose own imports come next, the first one first. */
  async #follow({ level, module, names }: PythonImport, from: readonly string[]): Promise<Running[]> {
    const started: Running[] = [];
    if (level === -1) {
      for (const name of names) await this.#load(name.split("."), started);
      return started;
    }
    const base = level === 0 ? [] : from.slice(0, Math.max(0, from.length - (level - 1)));
    const target = [...base, ...module.split(".").filter((part) => part !== "")];
    if (level > 0 && base.length === 0) return started;
    await this.#load(target, started);
    for (const name of names) if (name !== "*") await this.#load([...target, name], started);
    return started;
  }

  /** A module and the packages above it. */
  async #load(parts: readonly string[], started: Running[]): Promise<void> {
    if (parts.length > maxNameParts) return;
    let directories = this.#path;
    for (let count = 1; count <= parts.length; count++) {
      const name = parts.slice(0, count).join(".");
      const known = this.#modules.has(name);
      const module = known ? this.#modules.get(name) : this.#search.find(parts[count - 1] ?? "", directories);
      if (!known && this.#modules.size < maxModules) {
        this.#modules.set(name, module);
        if (module !== undefined) await this.#enter(module, parts.slice(0, count), started);
      }
      if (module === undefined) return;
      directories = module.directory === undefined ? [] : [module.directory];
    }
  }

  async #enter(
    { inode, isExtension, directory }: PythonModule,
    name: readonly string[],
    started: Running[],
  ): Promise<void> {
    const { set, elf, files } = this.#prediction;
    if (inode === -1) return;
    if (isExtension) return await elf.load(inode, "library");
    const compiled = this.#search.compiledOf(inode);
    set.addFile(compiled === -1 ? inode : compiled);
    if (files.sizeBytes(inode) === 0) return;
    const own = directory === undefined ? name.slice(0, -1) : name;
    started.push({ package: own, imports: await this.#importsOf(inode), next: 0 });
  }

  async #importsOf(source: number): Promise<readonly PythonImport[]> {
    const text = await this.#prediction.files.readText(source);
    return text === undefined ? [] : scanPythonImports(text);
  }
}
