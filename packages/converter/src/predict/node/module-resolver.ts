import { dirname } from "node:path/posix";
import type { ImageFiles } from "../image-files.js";
import { resolveExports } from "./package-exports.js";
import type { PackageFiles, PackageJson } from "./package-json.js";

/** Modules of Node itself that need no `node:`. A list of ours, so that predictions do not depend on the Node that makes them. */
const builtIns = new Set(
  (
    "assert async_hooks buffer child_process cluster console constants crypto dgram diagnostics_channel dns domain events fs http http2 https inspector module net os " +
    "path perf_hooks process punycode querystring readline repl stream string_decoder sys timers tls trace_events tty url util v8 vm wasi worker_threads zlib"
  ).split(" "),
);
const extensions = [".js", ".json", ".node"];
/** Of a package.json, once per `require`. */
const charsPerLookup = 256;
const none = -1;

/** A module and the package.json files that were read to find it. */
export interface ResolvedModule {
  readonly inode: number;
  readonly read: readonly PackageJson[];
}

export type ModuleKind = "require" | "import";
const conditionsOf: Readonly<Record<ModuleKind, ReadonlySet<string>>> = {
  require: new Set(["node", "require", "default", "module-sync", "node-addons"]),
  import: new Set(["node", "import", "default", "module-sync", "node-addons"]),
};

/** Finds modules as Node does: its documentation of modules and packages. */
export class ModuleResolver {
  readonly #files: ImageFiles;
  readonly #packages: PackageFiles;

  constructor(files: ImageFiles, packages: PackageFiles) {
    this.#files = files;
    this.#packages = packages;
  }

  /** What `specifier` means in a module that lies in `directory`; undefined for what is built in and what is not there. */
  async resolve(specifier: string, directory: string, kind: ModuleKind): Promise<ResolvedModule | undefined> {
    const read: PackageJson[] = [];
    const inode = await this.#find(specifier, directory, kind, read);
    return inode === none ? undefined : { inode, read };
  }

  async #find(specifier: string, directory: string, kind: ModuleKind, read: PackageJson[]): Promise<number> {
    if (/^\.{0,2}\/|^\.{1,2}$/.test(specifier)) return await this.#path(specifier, directory, read);
    if (specifier === "" || isBuiltIn(specifier)) return none;
    if (specifier.startsWith("#")) return await this.#imports(specifier, directory, kind, read);
    const [, name = "", rest = ""] = /^((?:@[^/]+\/)?[^/]+)(.*)$/s.exec(specifier) ?? [];
    const scope = await this.#packages.scopeOf(directory);
    if (scope?.name === name && scope.exports !== undefined) return await this.#exports(scope, rest, kind, read);
    return await this.#above(directory, name, rest, kind, read);
  }

  /** A package in the nearest `node_modules` that has it. */
  async #above(directory: string, name: string, rest: string, kind: ModuleKind, read: PackageJson[]): Promise<number> {
    for (let at = directory; ; at = dirname(at)) {
      const found = at.endsWith("/node_modules") ? none : this.#files.find("node_modules", at);
      if (found !== none) {
        const inode = await this.#inPackage(`${this.#files.path(found)}/${name}`, rest, kind, read);
        if (inode !== none) return inode;
      }
      if (at === "/" || at === ".") return none;
    }
  }

  async #inPackage(path: string, rest: string, kind: ModuleKind, read: PackageJson[]): Promise<number> {
    const folder = this.#files.find(path);
    if (!this.#files.isDirectory(folder)) return rest === "" ? this.#file(path) : none;
    const real = this.#files.path(folder);
    const json = await this.#packages.in(real);
    if (json === undefined || json.exports === undefined || json.exports === null)
      return await this.#path(`.${rest}`, real, read);
    return await this.#exports(json, rest, kind, read);
  }

  async #exports(json: PackageJson, rest: string, kind: ModuleKind, read: PackageJson[]): Promise<number> {
    read.push(json);
    this.#charge(json);
    const target = resolveExports(json.exports, `.${rest}`, conditionsOf[kind]);
    return target?.startsWith("./") ? this.#files.findFile(target, json.directory) : none;
  }

  async #imports(specifier: string, directory: string, kind: ModuleKind, read: PackageJson[]): Promise<number> {
    const scope = await this.#packages.scopeOf(directory);
    if (scope?.imports === undefined) return none;
    read.push(scope);
    this.#charge(scope);
    const target = resolveExports(scope.imports, specifier, conditionsOf[kind]);
    if (target === undefined || target.startsWith("#")) return none;
    if (target.startsWith("./")) return this.#files.findFile(target, scope.directory);
    return await this.#find(target, scope.directory, kind, read);
  }

  /** Going through all that a package exports takes as long as some lookups. */
  #charge({ chars }: PackageJson): void {
    this.#files.charge(Math.floor(chars / charsPerLookup));
  }

  async #path(specifier: string, directory: string, read: PackageJson[]): Promise<number> {
    const isFolder = /(^|\/)\.{0,2}$/.test(specifier);
    const file = isFolder ? none : this.#file(specifier, directory);
    if (file !== none) return file;
    const folder = this.#files.find(specifier, directory);
    if (!this.#files.isDirectory(folder)) return none;
    const real = this.#files.path(folder);
    const json = await this.#packages.in(real);
    if (json !== undefined) read.push(json);
    if (typeof json?.main === "string" && json.main !== "") {
      const main = this.#file(json.main, real);
      const found = main !== none ? main : this.#file("index", this.#realPath(json.main, real));
      if (found !== none) return found;
    }
    return this.#file("index", real);
  }

  #realPath(path: string, from: string): string {
    const folder = this.#files.find(path, from);
    return folder === none ? "/dev/null" : this.#files.path(folder);
  }

  #file(path: string, from = "/"): number {
    const exact = this.#files.findFile(path, from);
    if (exact !== none) return exact;
    for (const extension of extensions) {
      const inode = this.#files.findFile(path + extension, from);
      if (inode !== none) return inode;
    }
    return none;
  }
}

const isBuiltIn = (specifier: string): boolean =>
  specifier.startsWith("node:") || (!specifier.endsWith("/") && builtIns.has(specifier.split("/", 1)[0] ?? ""));
