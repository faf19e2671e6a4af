import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

/** Where the CI script puts programs that Debian has not, or not so new. */
export const toolsFolder: string = join(homedir(), ".cache", "sluice-tools");

/** Where administrators' programs lie, also for users whose PATH does not say so. */
const systemFolders = ["/usr/sbin", "/sbin"];

/**
 * For tests that use other programs: says which of them this machine lacks, so that a test can be skipped and tell why.
 *
 * @param packages program → the Debian package that has it
 * @returns empty when all are there
 */
export function missingPrograms(packages: Readonly<Record<string, string>>): string {
  const missing = Object.keys(packages).filter((program) => !isOnPath(program));
  if (missing.length === 0) return "";
  const cure = [...new Set(missing.map((program) => packages[program]))].join(" ");
  return `needs ${missing.join(", ")}: apt-get install ${cure}`;
}

function isOnPath(program: string): boolean {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...systemFolders];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
