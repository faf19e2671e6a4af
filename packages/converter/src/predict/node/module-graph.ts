import { dirname } from "node:path/posix";
import type { Prediction } from "../prediction.js";
import { type ModuleKind, ModuleResolver } from "./module-resolver.js";
import { PackageFiles } from "./package-json.js";
import { importedSpecifiers } from "./scan-imports.js";
import { type RequireScan, scanRequires } from "./scan-requires.js";

/** Modules in one graph. Real ones have a few thousand. */
const maxModules = 30_000;

interface Loading {
  readonly directory: string;
  readonly kind: ModuleKind;
  readonly specifiers: readonly string[];
  next: number;
}

/** The modules that a script loads as it starts, depth first as Node loads them, each once. */
export class ModuleGraph {
  readonly #prediction: Prediction;
  readonly #packages: PackageFiles;
  readonly #resolver: ModuleResolver;
  readonly #seen = new Set<number>();
  readonly #isProduction: boolean;

  constructor(prediction: Prediction) {
    this.#prediction = prediction;
    this.#packages = new PackageFiles(prediction.files);
    this.#resolver = new ModuleResolver(prediction.files, this.#packages);
    this.#isProduction = prediction.environment.get("NODE_ENV") === "production";
  }

  /** The main script, with or without extension, as `node PATH` finds it. */
  async addMain(path: string, workingDirectory: string): Promise<void> {
    const absolute = path.startsWith("/") ? path : `./${path}`;
    await this.addFrom(absolute, workingDirectory, true);
  }

  /** What a specifier means in `directory`, and all that it loads. */
  async addFrom(specifier: string, directory: string, isMain = false): Promise<void> {
    const stack: Loading[] = [{ directory, kind: "require", specifiers: [specifier], next: 0 }];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const wanted = top.specifiers[top.next++];
      if (wanted === undefined || this.#seen.size >= maxModules) stack.pop();
      else {
        const loading = await this.#load(wanted, top, isMain && stack.length === 1);
        if (loading !== undefined) stack.push(loading);
      }
    }
  }

  async #load(specifier: string, { directory, kind }: Loading, isMain: boolean): Promise<Loading | undefined> {
    const { files, set, elf } = this.#prediction;
    const found = await this.#resolver.resolve(specifier, directory, kind);
    for (const { inode } of found?.read ?? []) set.addFile(inode); // also on another way to a module that is there
    if (found === undefined || this.#seen.has(found.inode)) return undefined;
    this.#seen.add(found.inode);
    const path = files.path(found.inode);
    if (path.endsWith(".node")) {
      await elf.load(found.inode, "module");
      return undefined;
    }
    const scope = await this.#packages.scopeOf(dirname(path));
    if (scope !== undefined) set.addFile(scope.inode);
    set.addFile(found.inode);
    if (path.endsWith(".json")) return undefined;
    const text = await files.readText(found.inode);
    if (text === undefined) return undefined;
    const isModule = path.endsWith(".mjs") || (path.endsWith(".js") && scope?.type === "module");
    const specifiers = isModule ? await importedSpecifiers(text) : this.#required(text, isMain);
    return { directory: dirname(path), kind: isModule ? "import" : "require", specifiers, next: 0 };
  }

  #required(text: string, isMain: boolean): readonly string[] {
    const scan = scanRequires(text);
    const unneeded = this.#isProduction ? /\.development\b/ : /\.production\b/;
    const other = this.#isProduction ? /\.production\b/ : /\.development\b/;
    const hasBoth =
      scan.specifiers.some((name) => unneeded.test(name)) && scan.specifiers.some((name) => other.test(name));
    const specifiers = hasBoth ? scan.specifiers.filter((name) => !unneeded.test(name)) : scan.specifiers;
    return isMain ? [...specifiers, ...computedNames(scan, text)] : specifiers;
  }
}

/** Bounded, because each repetition needs stack. npm allows names of 214 characters. */
const packageName = /["'`]((?:@[\w.-]{1,214}\/)?[\w.-]{1,214}(?:\/[\w.-]{1,214}){0,20})["'`]/g;

/** A main script that requires what it computes usually takes names from a list: every string in it that looks like a package is tried. */
function computedNames(scan: RequireScan, text: string): readonly string[] {
  if (!scan.hasComputed) return [];
  const names = [...text.matchAll(packageName)].slice(0, 1000);
  return names.map(([, name]) => name ?? "");
}
