import { execFile } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const whiteoutPrefix = ".wh.";
const opaqueName = ".wh..wh..opq";

/** Turns the whiteout files of an unpacked layer into what overlayfs reads: devices 0:0 and the opaque attribute. */
export async function convertWhiteouts(layer: string): Promise<void> {
  for (const entry of await readdir(layer, { recursive: true, withFileTypes: true })) {
    if (!entry.name.startsWith(whiteoutPrefix)) continue;
    const path = join(entry.parentPath, entry.name);
    await rm(path);
    if (entry.name === opaqueName) await run("setfattr", ["-n", "trusted.overlay.opaque", "-v", "y", dirname(path)]);
    else await run("mknod", [join(entry.parentPath, entry.name.slice(whiteoutPrefix.length)), "c", "0", "0"]);
  }
}
