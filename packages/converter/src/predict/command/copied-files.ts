import type { Prediction } from "../prediction.js";

const maxBytes = 1024 * 1024;
const maxFiles = 1000;

/** A file, or the files of a directory, if they are small enough to be configuration. */
export function addCopied(path: string, { files, set, workingDirectory }: Prediction): void {
  const start = path.includes("/") ? files.find(path, workingDirectory) : -1;
  if (start <= 0) return;
  const waiting = [start];
  const found: number[] = [];
  let bytes = 0;
  for (const inode of waiting) {
    if (files.isFile(inode)) {
      found.push(inode);
      bytes += files.sizeBytes(inode);
    }
    for (const name of files.names(inode)) waiting.push(files.child(inode, name));
    if (bytes > maxBytes || waiting.length > maxFiles) return;
  }
  for (const inode of found) set.addFile(inode);
}
