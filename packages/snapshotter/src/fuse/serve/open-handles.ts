import { closeSync, mkdirSync, openSync, readdirSync, rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { resentBitHigh } from "../protocol/constants.js";

const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

/**
 * The openings that the kernel knows, as empty files in a folder, so that they outlive this process: whoever serves the connection next must know which disks are
 * open. A handle is named after the OPEN that made it, so a request that comes again changes nothing the second time.
 */
export class OpenHandles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Before the OPEN is answered. @returns false if it is recorded already */
  add(inode: number, low: number, high: number): boolean {
    try {
      closeSync(openSync(this.#path(inode, low, high), "wx", 0o600));
      return true;
    } catch (error) {
      if (isCode(error, "EEXIST")) return false;
      throw error;
    }
  }

  /** Before the RELEASE is answered. @returns false if it is not recorded (any more) */
  remove(inode: number, low: number, high: number): boolean {
    try {
      unlinkSync(this.#path(inode, low, high));
      return true;
    } catch (error) {
      if (isCode(error, "ENOENT")) return false;
      throw error;
    }
  }

  /** How often each inode is open. */
  counts(): ReadonlyMap<number, number> {
    const counts = new Map<number, number>();
    for (const name of readdirSync(this.#folder)) {
      const inode = Number(/^(\d+)-[0-9a-f]{16}$/.exec(name)?.[1]);
      if (inode > 0) counts.set(inode, (counts.get(inode) ?? 0) + 1);
    }
    return counts;
  }

  /** For a connection that is new. */
  clear(): void {
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  #path(inode: number, low: number, high: number): string {
    return join(this.#folder, `${inode}-${hex(high)}${hex(low)}`);
  }
}

/** The high half of a handle: that of its OPEN, whichever time it came. */
export const handleHighOf = (uniqueHigh: number): number => (uniqueHigh & ~resentBitHigh) >>> 0;
