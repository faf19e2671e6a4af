import type { ImageFiles } from "../image-files.js";
import type { PythonInstallation } from "./python-installation.js";

/** A module on the disk. */
export interface PythonModule {
  /** Source or extension module; -1 for a package without `__init__`. */
  readonly inode: number;
  readonly isExtension: boolean;
  /** Of a package: where its submodules are. */
  readonly directory: string | undefined;
}

const none = -1;

/** Finds modules as the path finder of Python's importlib does: package, extension module, source. */
export class ModuleSearch {
  readonly #files: ImageFiles;
  readonly #installation: PythonInstallation;

  constructor(files: ImageFiles, installation: PythonInstallation) {
    this.#files = files;
    this.#installation = installation;
  }

  /** The module of this name in the first of the directories that has one. */
  find(name: string, directories: readonly string[]): PythonModule | undefined {
    let namespace: PythonModule | undefined;
    for (const directory of directories) {
      const found = this.#inDirectory(name, directory);
      if (found !== undefined && found.inode !== none) return found;
      namespace ??= found;
    }
    return namespace;
  }

  /** What is read of a source instead of it: its compiled form beside it, when there is one. */
  compiledOf(source: number): number {
    const path = this.#files.path(source);
    const split = path.lastIndexOf("/");
    const name = path.slice(split + 1).replace(/\.py$/, "");
    const tag = `cpython-${this.#installation.version.replace(".", "")}`;
    return this.#files.findFile(`__pycache__/${name}.${tag}.pyc`, path.slice(0, split));
  }

  #inDirectory(name: string, directory: string): PythonModule | undefined {
    const folder = this.#files.find(name, directory);
    const path = this.#files.isDirectory(folder) ? this.#files.path(folder) : undefined;
    if (path !== undefined) {
      const init = this.#fileOf("__init__", path);
      if (init !== undefined) return { ...init, directory: path };
    }
    const file = this.#fileOf(name, directory);
    if (file !== undefined) return { ...file, directory: undefined };
    return path === undefined ? undefined : { inode: none, isExtension: false, directory: path };
  }

  #fileOf(name: string, directory: string): Omit<PythonModule, "directory"> | undefined {
    for (const suffix of this.#installation.extensionSuffixes) {
      const inode = this.#files.findFile(name + suffix, directory);
      if (inode !== none) return { inode, isExtension: true };
    }
    const inode = this.#files.findFile(`${name}.py`, directory);
    return inode === none ? undefined : { inode, isExtension: false };
  }
}
