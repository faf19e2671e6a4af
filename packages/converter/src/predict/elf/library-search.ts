import type { ImageFiles } from "../image-files.js";
import type { ElfFile } from "./elf-file.js";
import { parseLoaderCache } from "./loader-cache.js";

/** Where the loader looks last. ld.so(8); musl's list is the last three. */
const defaultDirectories = [
  "/lib/x86_64-linux-gnu",
  "/usr/lib/x86_64-linux-gnu",
  "/lib64",
  "/usr/lib64",
  "/lib",
  "/usr/local/lib",
  "/usr/lib",
];
const maxCacheBytes = 4 * 1024 * 1024;

/** Finds libraries as the dynamic loader does: RPATH, LD_LIBRARY_PATH, RUNPATH, its cache, its directories. ld.so(8) */
export class LibrarySearch {
  readonly #files: ImageFiles;
  readonly #environment: ReadonlyMap<string, string>;
  #cache: Promise<ReadonlyMap<string, string>> | undefined;

  constructor(files: ImageFiles, environment: ReadonlyMap<string, string>) {
    this.#files = files;
    this.#environment = environment;
  }

  /** The inode of the library that `name` in `asking` means; -1 when there is none. `inherited` are the RPATHs of what loaded it. */
  async find(name: string, asking: ElfFile, askingPath: string, inherited: readonly string[]): Promise<number> {
    const origin = askingPath.slice(0, Math.max(1, askingPath.lastIndexOf("/")));
    if (name.includes("/")) return this.#files.findFile(withOrigin(name, origin));
    const before = [
      ...asking.rpath.map((directory) => withOrigin(directory, origin)),
      ...(asking.runPath.length > 0 ? [] : inherited),
      ...(this.#environment.get("LD_LIBRARY_PATH") ?? "").split(":"),
      ...asking.runPath.map((directory) => withOrigin(directory, origin)),
    ];
    const found = this.#inDirectories(name, before);
    if (found !== -1) return found;
    this.#cache ??= this.#readCache();
    const cached = (await this.#cache).get(name);
    const inCache = cached === undefined ? -1 : this.#files.findFile(cached);
    return inCache !== -1 ? inCache : this.#inDirectories(name, defaultDirectories);
  }

  #inDirectories(name: string, directories: readonly string[]): number {
    for (const directory of directories) {
      const inode = directory === "" ? -1 : this.#files.findFile(`${directory}/${name}`);
      if (inode !== -1) return inode;
    }
    return -1;
  }

  async #readCache(): Promise<ReadonlyMap<string, string>> {
    const inode = this.#files.findFile("/etc/ld.so.cache");
    return parseLoaderCache(await this.#files.read(inode, 0, maxCacheBytes));
  }
}

/** A directory of RPATH or RUNPATH with its variable replaced. */
export const withOrigin = (directory: string, origin: string): string =>
  directory.replace(/\$ORIGIN\b|\$\{ORIGIN\}/g, () => origin);
