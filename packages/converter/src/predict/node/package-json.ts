import type { ImageFiles } from "../image-files.js";

/** What resolution wants of a package.json; values as they came. */
export interface PackageJson {
  readonly inode: number;
  /** The directory it is in. */
  readonly directory: string;
  readonly name: unknown;
  readonly main: unknown;
  readonly type: unknown;
  readonly exports: unknown;
  readonly imports: unknown;
  /** Of its text. */
  readonly chars: number;
}

const maxPackageBytes = 1024 * 1024;

/** The package.json files of an image, each read and parsed once. */
export class PackageFiles {
  readonly #files: ImageFiles;
  readonly #found = new Map<string, Promise<PackageJson | undefined>>();
  readonly #scopes = new Map<string, Promise<PackageJson | undefined>>();

  constructor(files: ImageFiles) {
    this.#files = files;
  }

  /** Of the directory itself; undefined when there is none or it is no JSON object. */
  in(directory: string): Promise<PackageJson | undefined> {
    const known = this.#found.get(directory);
    if (known !== undefined) return known;
    const found = this.#read(directory);
    this.#found.set(directory, found);
    return found;
  }

  /** The nearest one from the directory upwards: the package that its files belong to. */
  scopeOf(directory: string): Promise<PackageJson | undefined> {
    const known = this.#scopes.get(directory);
    if (known !== undefined) return known;
    const found = this.#scope(directory);
    this.#scopes.set(directory, found);
    return found;
  }

  async #scope(directory: string): Promise<PackageJson | undefined> {
    const here = directory.endsWith("/node_modules") ? undefined : await this.in(directory);
    if (here !== undefined || directory === "/") return here;
    return await this.scopeOf(directory.slice(0, Math.max(1, directory.lastIndexOf("/"))));
  }

  async #read(directory: string): Promise<PackageJson | undefined> {
    const inode = this.#files.findFile("package.json", directory);
    const text = await this.#files.readText(inode, maxPackageBytes);
    if (text === undefined) return undefined;
    const { name, main, type, exports, imports } = objectOf(text);
    return { inode, directory, name, main, type, exports, imports, chars: text.length };
  }
}

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
