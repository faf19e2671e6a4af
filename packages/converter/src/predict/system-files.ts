import type { Prediction } from "./prediction.js";

/** What the C library opens in the first moments of nearly every program. */
const systemFiles = [
  "/etc/ld.so.cache",
  "/etc/nsswitch.conf",
  "/etc/passwd",
  "/etc/group",
  "/etc/localtime",
  "/etc/ssl/openssl.cnf",
  "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache",
];
const maxBytes = 64 * 1024;

/** Files of the system that are small and read by nearly every start. */
export function addSystemFiles({ files, set }: Prediction): void {
  for (const path of systemFiles) {
    const inode = files.findFile(path);
    if (inode !== -1 && files.sizeBytes(inode) <= maxBytes) set.addFile(inode);
  }
}
