import { readdir, readFile, readlink } from "node:fs/promises";
import { join, resolve } from "node:path";

/** What of a process may sit on a mount. `map` are mapped files: programs and libraries that run from it. */
async function pathsOf(process: string): Promise<string[]> {
  const links = ["cwd", "root", "exe"].map((name) => join("/proc", process, name));
  const descriptors = await readdir(join("/proc", process, "fd")).catch(() => []);
  links.push(...descriptors.map((fd) => join("/proc", process, "fd", fd)));
  const paths = await Promise.all(links.map((link) => readlink(link).catch(() => "")));
  const maps = await readFile(join("/proc", process, "maps"), "utf8").catch(() => "");
  for (const line of maps.split("\n")) {
    const path = line.slice(line.indexOf("/"));
    if (line.includes("/")) paths.push(path);
  }
  return paths;
}

/**
 * The processes with a working directory, root, program, mapped file or open file at or below `target`, as `name (pid)`. A process that ends meanwhile, or
 * that lives in another mount namespace under another path, is not seen: the answer helps a person, it proves nothing. At most `limit`.
 */
export async function holdersOf(target: string, limit = 8): Promise<string[]> {
  const path = resolve(target);
  const holders: string[] = [];
  for (const entry of await readdir("/proc")) {
    if (holders.length >= limit) break;
    if (!/^\d+$/.test(entry)) continue;
    const paths = await pathsOf(entry);
    if (!paths.some((held) => held === path || held.startsWith(`${path}/`))) continue;
    const name = await readFile(join("/proc", entry, "comm"), "utf8").catch(() => "?");
    holders.push(`${name.trim()} (${entry})`);
  }
  return holders;
}
