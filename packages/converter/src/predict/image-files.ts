import { byteString, entryType, type MergedTree } from "@sluice/disk";
import { LimitReached, limits } from "./limits.js";
import type { PredictableImage } from "./predictable-image.js";

/** Symlinks followed for one path; Linux gives up after as many. */
const maxSymlinks = 40;
/** Of one path; Linux takes no more. */
const maxPathBytes = 4096;
const none = -1;

/**
 * The files of an image by path, as a process in the container sees them. Paths are `latin1` strings: a character a byte, so that any name
 * has exactly one. Inodes that are not there are -1. Counts what it does against {@link limits}.
 */
export class ImageFiles {
  readonly #image: PredictableImage;
  readonly #tree: MergedTree;
  readonly #names: Buffer;
  readonly #paths = new Map<number, string>([[0, "/"]]);
  #readBytes = 0;
  #reads = 0;
  #lookups = 0;

  constructor(image: PredictableImage) {
    this.#image = image;
    this.#tree = image.tree;
    const { bytes } = image.tree.entryName;
    this.#names = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  isFile = (inode: number): boolean => inode !== none && this.#tree.type[inode] === entryType.file;
  isDirectory = (inode: number): boolean => inode !== none && this.#tree.type[inode] === entryType.directory;
  sizeBytes = (inode: number): number => this.#tree.sizeBytes[inode] ?? 0;
  isExecutable = (inode: number): boolean => this.isFile(inode) && ((this.#tree.mode[inode] ?? 0) & 0o111) !== 0;

  /** What `path` leads to, symlinks followed; relative paths start at `from`. @throws {LimitReached} */
  find(path: string, from = "/"): number {
    this.charge(1);
    const waiting = componentsOf(path.startsWith("/") ? path : `${from}/${path}`).reverse();
    let at = 0;
    let symlinks = 0;
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      if (name === "..") {
        this.charge(1);
        at = this.#tree.parent[at] ?? 0;
        continue;
      }
      const next = this.child(at, name);
      if (next === none) return none;
      if (this.#tree.type[next] !== entryType.symlink) {
        at = next;
        continue;
      }
      if (++symlinks > maxSymlinks) return none;
      const target = Buffer.from(byteString(this.#tree.target, next)).toString("latin1");
      if (target.startsWith("/")) at = 0;
      for (const component of componentsOf(target).reverse()) waiting.push(component);
    }
    return at;
  }

  /** {@link find} when it is a file. */
  findFile(path: string, from = "/"): number {
    const inode = this.find(path, from);
    return this.isFile(inode) ? inode : none;
  }

  /** What a directory has under a name, not followed. */
  child(directory: number, name: string): number {
    this.charge(1);
    if (this.#tree.type[directory] !== entryType.directory) return none;
    const { ends } = this.#tree.entryName;
    let low = this.#tree.firstEntry[directory] ?? 0;
    let high = this.#tree.firstEntry[directory + 1] ?? 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(name, ends[middle] ?? 0, ends[middle + 1] ?? 0);
      if (order === 0) return this.#tree.entryInode[middle] ?? none;
      if (order > 0) low = middle + 1;
      else high = middle;
    }
    return none;
  }

  /** How a name stands to the one at `[start, end)` of the table: below 0 when it comes first. Byte by byte, because a call of Buffer costs more than a name is long. */
  #compare(name: string, start: number, end: number): number {
    const length = Math.min(name.length, end - start);
    for (let at = 0; at < length; at++) {
      const order = name.charCodeAt(at) - (this.#names[start + at] ?? 0);
      if (order !== 0) return order;
    }
    return name.length - (end - start);
  }

  /** Names in a directory, in byte order. */
  *names(directory: number): Generator<string> {
    if (!this.isDirectory(directory)) return;
    const { ends } = this.#tree.entryName;
    const end = this.#tree.firstEntry[directory + 1] ?? 0;
    for (let entry = this.#tree.firstEntry[directory] ?? 0; entry < end; entry++) {
      this.charge(1);
      yield this.#names.toString("latin1", ends[entry], ends[entry + 1]);
    }
  }

  /** Counts work of a rule that costs as much as so many lookups. @throws {LimitReached} */
  charge(lookups: number): void {
    this.#lookups += lookups;
    if (this.#lookups > limits.lookups) throw new LimitReached("enough names are looked up");
  }

  /** The path of an inode without symlinks, by its first name. */
  path(inode: number): string {
    const known = this.#paths.get(inode);
    if (known !== undefined) return known;
    const names: string[] = [];
    for (let at = inode; at !== 0; at = this.#tree.parent[at] ?? 0) {
      names.push(Buffer.from(byteString(this.#tree.entryName, this.#tree.nameEntry[at] ?? 0)).toString("latin1"));
    }
    const path = `/${names.reverse().join("/")}`;
    this.#paths.set(inode, path);
    return path;
  }

  /** Bytes `[offset, offset + length)` as far as the file has them. @throws {LimitReached} */
  async read(inode: number, offset: number, length: number): Promise<Buffer> {
    const wanted = Math.min(length, this.sizeBytes(inode) - offset);
    if (!this.isFile(inode) || !(wanted > 0) || offset < 0) return Buffer.alloc(0);
    this.#readBytes += wanted;
    if (this.#readBytes > limits.readBytes || ++this.#reads > limits.reads) throw new LimitReached("enough is read");
    const bytes = await this.#image.read(inode, offset, wanted);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** A whole text file, one character a byte; undefined when there is none or it is too large to be understood. @throws {LimitReached} */
  async readText(inode: number, maxBytes: number = limits.sourceBytes): Promise<string | undefined> {
    if (!this.isFile(inode) || this.sizeBytes(inode) > maxBytes) return undefined;
    return (await this.read(inode, 0, maxBytes)).toString("latin1");
  }
}

/** Of what is too long to be a path, one that no directory has. */
const componentsOf = (path: string): string[] => (path.length > maxPathBytes ? ["\0"] : path.split("/").filter(isName));
const isName = (component: string): boolean => component !== "" && component !== ".";
