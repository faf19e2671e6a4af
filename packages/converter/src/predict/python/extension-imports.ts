import { readElf } from "../elf/elf-file.js";
import type { ImageFiles } from "../image-files.js";

const maxConstantBytes = 1024 * 1024;
const maxNames = 2000;

/**
 * Names of modules that an extension module may import in C: Cython puts those of its `cimport` into its constants. Anything dotted counts, so
 * most of them are names of something else.
 */
export async function extensionImports(files: ImageFiles, inode: number): Promise<readonly string[]> {
  const constants = (await readElf(files, inode))?.sections.find(({ name }) => name === ".rodata");
  if (constants === undefined || constants.end - constants.start > maxConstantBytes) return [];
  const text = (await files.read(inode, constants.start, constants.end - constants.start)).toString("latin1");
  const names = [...text.matchAll(/(?<=\0)[a-z_]\w{0,60}(?:\.[A-Za-z_]\w{0,60}){1,8}(?=\0)/g)].map(([name]) => name);
  return [...new Set(names)].slice(0, maxNames);
}
