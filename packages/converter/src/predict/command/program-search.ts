import type { ImageFiles } from "../image-files.js";

/** Of runc and of every shell, where the image sets none. */
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The inode of the program that `name` means: a path, or the first executable file of that name in PATH; -1 when there is none. A path that leads nowhere may come from a
 * variable of a script that was not understood: then its last part is looked for.
 */
export function findProgram(
  files: ImageFiles,
  name: string,
  environment: ReadonlyMap<string, string>,
  workingDirectory: string,
): number {
  if (name === "") return -1;
  const named = name.includes("/") ? executable(files, files.find(name, workingDirectory)) : -1;
  if (named !== -1) return named;
  const last = name.slice(name.lastIndexOf("/") + 1);
  if (last === "") return -1;
  for (const directory of (environment.get("PATH") ?? defaultPath).split(":")) {
    const inode = executable(files, files.find(`${directory}/${last}`, workingDirectory));
    if (inode !== -1) return inode;
  }
  return -1;
}

const executable = (files: ImageFiles, inode: number): number => (files.isExecutable(inode) ? inode : -1);
