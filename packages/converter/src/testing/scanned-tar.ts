import type { TarEntry } from "../tar/tar-entry.js";
import { TarScanner } from "../tar/tar-scanner.js";

/** What a scan of a whole tar told its sink. */
export interface ScannedTar {
  readonly entries: readonly TarEntry[];
  /** Stored content by path, in tar order of the last entry of that path. */
  readonly contents: ReadonlyMap<string, Buffer>;
  /** Literals and contents, put together as they came. */
  readonly rebuilt: Buffer;
}

/** Scans `tar` in pieces of `pieceBytes`. */
export function scanned(tar: Buffer, pieceBytes: number = tar.length): ScannedTar {
  const entries: TarEntry[] = [];
  const contents = new Map<string, Buffer>();
  const all: Buffer[] = [];
  let content: Buffer[] = [];
  const scanner = new TarScanner({
    literal: (bytes) => void all.push(Buffer.from(bytes)),
    entry: (entry) => {
      entries.push(entry);
      content = [];
    },
    content: (bytes) => {
      content.push(Buffer.from(bytes));
      all.push(Buffer.from(bytes));
    },
    entryEnd: () => {
      const path = Buffer.from(entries.at(-1)?.path ?? []);
      contents.set(path.toString("latin1"), Buffer.concat(content));
    },
  });
  // a fresh buffer each time, wiped behind the scanner's back, shows what it wrongly keeps
  for (let at = 0; at < tar.length; at += pieceBytes) {
    const piece = Buffer.from(tar.subarray(at, at + pieceBytes));
    scanner.write(piece);
    piece.fill(0xdb);
  }
  scanner.end();
  return { entries, contents, rebuilt: Buffer.concat(all) };
}

/** The entry of a path given as latin1 text. */
export function entryAt({ entries }: ScannedTar, path: string): TarEntry {
  const found = entries.findLast((entry) => Buffer.from(entry.path).toString("latin1") === path);
  if (found === undefined) throw new Error(`no entry ${JSON.stringify(path)}`);
  return found;
}
