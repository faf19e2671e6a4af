import type { AbortOptions } from "@sluice/oci/content";
import { InvalidFormatError } from "../invalid-format-error.js";
import type { ErofsInode } from "./erofs-inode.js";
import type { ErofsReader } from "./erofs-reader.js";
import { modeType } from "./on-disk.js";

/** A name in the tree and the inode it leads to. */
export interface WalkedEntry {
  /** From the root, without a leading `/`; the root itself is empty. */
  readonly path: Uint8Array;
  readonly inode: ErofsInode;
}

const dot = 0x2e;

/**
 * Every name of the disk, the root first, a directory before what is in it. Ends on hostile disks, too.
 *
 * @throws {InvalidFormatError} when a directory has two names, as one in a cycle would
 */
export async function* walkErofs(reader: ErofsReader, options?: AbortOptions): AsyncGenerator<WalkedEntry> {
  const root = { path: new Uint8Array(), inode: await reader.inode(reader.superblock.rootNid, options) };
  const seen = new Set<number>([root.inode.nid]);
  const waiting: WalkedEntry[] = [root];
  yield root;
  for (let directory = waiting.pop(); directory !== undefined; directory = waiting.pop()) {
    for await (const { name, nid } of reader.readDirectory(directory.inode, options)) {
      if (isDots(name)) continue;
      const inode = await reader.inode(nid, options);
      const path = joined(directory.path, name);
      if ((inode.mode & modeType.mask) === modeType.directory) {
        if (seen.has(nid)) {
          const place = `directory /${Buffer.from(path).toString("utf8")}`;
          throw new InvalidFormatError("EROFS", place, "one name", `a second name of node ${nid}`);
        }
        seen.add(nid);
        waiting.push({ path, inode });
      }
      yield { path, inode };
    }
  }
}

const isDots = (name: Uint8Array): boolean =>
  name[0] === dot && (name.length === 1 || (name.length === 2 && name[1] === dot));

const joined = (directory: Uint8Array, name: Uint8Array): Uint8Array =>
  directory.length === 0 ? name : Buffer.concat([directory, Uint8Array.of(0x2f), name]);
