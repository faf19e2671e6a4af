import { dirname } from "node:path/posix";
import type { Prediction } from "../prediction.js";

const configurations = [
  "/etc/nginx/nginx.conf",
  "/usr/local/openresty/nginx/conf/nginx.conf",
  "/usr/local/nginx/conf/nginx.conf",
];
const moduleDirectories = ["/usr/lib/nginx", "/usr/share/nginx", "/etc/nginx"];
const directive = /^[ \t]*(include|load_module|ssl_certificate|ssl_certificate_key)[ \t]+["']?([^"';\s]+)/gm;
const maxFiles = 200;
const maxConfigurationBytes = 1024 * 1024;

/** Predicts nginx's configuration with all that it includes, and the modules that it loads. */
export async function addNginxConfiguration(args: readonly string[], prediction: Prediction): Promise<void> {
  const { files, set } = prediction;
  const waiting = configurationOf(args, prediction);
  if (waiting[0] === undefined) return;
  const directory = dirname(files.path(waiting[0]));
  const seen = new Set<number>();
  for (const inode of waiting) {
    if (seen.has(inode) || seen.size >= maxFiles) continue;
    seen.add(inode);
    const text = await files.readText(inode, maxConfigurationBytes);
    set.addFile(inode);
    for (const [, name = "", value = ""] of text?.matchAll(directive) ?? []) {
      if (name === "include") waiting.push(...matching(value, directory, prediction));
      else if (name === "load_module") await addModule(value, prediction);
      else set.addFile(files.findFile(value, directory));
    }
  }
}

function configurationOf(args: readonly string[], { files }: Prediction): number[] {
  const option = args.indexOf("-c");
  const paths = option === -1 ? configurations : [args[option + 1] ?? ""];
  return paths.map((path) => files.findFile(path)).filter((inode) => inode !== -1);
}

async function addModule(path: string, { files, elf }: Prediction): Promise<void> {
  for (const base of moduleDirectories) await elf.load(files.findFile(path, base), "module");
}

/** Files that a path means whose last part may be a pattern of shell. */
function matching(pattern: string, directory: string, { files }: Prediction): number[] {
  const split = pattern.lastIndexOf("/");
  const name = pattern.slice(split + 1);
  if (!name.includes("*")) return [files.findFile(pattern, directory)].filter((inode) => inode !== -1);
  const folder = files.find(pattern.slice(0, Math.max(split, 0)) || ".", directory);
  const [before = "", after = ""] = name.split("*");
  const names = [...files.names(folder)].filter((found) => found.startsWith(before) && found.endsWith(after));
  return names.map((found) => files.findFile(found, files.path(folder))).filter((inode) => inode !== -1);
}
