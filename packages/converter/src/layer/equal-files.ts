import { readSync } from "node:fs";
import { blockSizeBytes } from "@sluice/disk/chunks";
import type { ContentSpool } from "./content-spool.js";
import type { StoredFiles } from "./stored-files.js";

const compareBytes = 256 * 1024;

/**
 * For each file the first one with the same content, which may be itself. Sparse files are taken as they are.
 * Hashes only point to candidates; bytes decide.
 */
export function firstEqualFiles(files: StoredFiles, spool: ContentSpool): Uint32Array {
  const first = new Uint32Array(files.count);
  const seen = new Map<number, number>();
  const buffers = [Buffer.allocUnsafe(compareBytes), Buffer.allocUnsafe(compareBytes)] as const;
  for (let file = 0; file < files.count; file++) {
    first[file] = file;
    if (files.isSparse(file)) continue;
    const fingerprint = files.fingerprint(file, spool);
    const candidate = seen.get(fingerprint);
    if (candidate === undefined) seen.set(fingerprint, file);
    else if (sameContent(files, spool, candidate, file, buffers)) first[file] = candidate;
  }
  return first;
}

function sameContent(
  files: StoredFiles,
  spool: ContentSpool,
  a: number,
  b: number,
  [bufferA, bufferB]: readonly [Buffer, Buffer],
): boolean {
  if (files.sizeBytes(a) !== files.sizeBytes(b)) return false;
  const [runA] = files.runs(a);
  const [runB] = files.runs(b);
  if (runA === undefined || runB === undefined) return false;
  const bytes = runA.blocks * blockSizeBytes;
  for (let at = 0; at < bytes; at += compareBytes) {
    const length = Math.min(compareBytes, bytes - at);
    readWhole(spool.descriptor, bufferA, length, runA.spoolBlock * blockSizeBytes + at);
    readWhole(spool.descriptor, bufferB, length, runB.spoolBlock * blockSizeBytes + at);
    if (bufferA.compare(bufferB, 0, length, 0, length) !== 0) return false;
  }
  return true;
}

/** Fills the first `length` bytes of `target` from the file. @throws {Error} if the file is shorter */
export function readWhole(descriptor: number, target: Uint8Array, length: number, position: number, offset = 0): void {
  for (let done = 0; done < length; ) {
    const read = readSync(descriptor, target, offset + done, length - done, position + done);
    if (read === 0) throw new Error(`temporary file ends at byte ${position + done}, ${length - done} bytes early`);
    done += read;
  }
}
