import type { DiskFile } from "./disk-file.js";

/** What the main thread tells a worker through its port. */
export type DiskChange =
  | { readonly kind: "add"; readonly disk: DiskFile }
  | { readonly kind: "remove"; readonly inode: number };

/** The files of the mount, in the order of their inodes, which is the order they came in. */
export class DiskFiles {
  readonly #byInode: Map<number, DiskFile> = new Map();
  readonly #byName: Map<string, DiskFile> = new Map();
  #last: DiskFile | undefined;

  apply(change: DiskChange): void {
    this.#last = undefined;
    if (change.kind === "add") {
      this.#byInode.set(change.disk.inode, change.disk);
      this.#byName.set(change.disk.name, change.disk);
      return;
    }
    const disk = this.#byInode.get(change.inode);
    if (disk === undefined) return;
    this.#byInode.delete(disk.inode);
    if (this.#byName.get(disk.name) === disk) this.#byName.delete(disk.name);
  }

  inode(inode: number): DiskFile | undefined {
    if (this.#last?.inode === inode) return this.#last;
    this.#last = this.#byInode.get(inode);
    return this.#last;
  }

  named(name: string): DiskFile | undefined {
    return this.#byName.get(name);
  }

  get count(): number {
    return this.#byInode.size;
  }

  values(): Iterable<DiskFile> {
    return this.#byInode.values();
  }
}
