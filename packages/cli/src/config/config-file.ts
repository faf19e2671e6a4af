import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { UsageError } from "../errors.js";
import type { Surroundings } from "../surroundings.js";

/** A configuration that needs more than this was not written by a person. Bytes. */
const largestConfigBytes = 1024 * 1024;

export const systemConfigPath = "/etc/sluice/config.yaml";

/** The file of the current user, whether it exists or not. */
export function userConfigPath(surroundings: Surroundings): string {
  const configHome = surroundings.environment["XDG_CONFIG_HOME"];
  return join(
    configHome?.startsWith("/") ? configHome : join(surroundings.homeFolder, ".config"),
    "sluice/config.yaml",
  );
}

/** A file that was found, and its text. */
export interface FoundConfig {
  readonly path: string;
  readonly text: string;
}

/**
 * The file named on the command line, else the user's, else the system's; undefined when there is none.
 * @throws {UsageError} if the named file is missing, or the file is too large
 */
export async function findConfig(
  named: string | undefined,
  surroundings: Surroundings,
): Promise<FoundConfig | undefined> {
  if (named !== undefined) {
    const path = resolve(surroundings.workingFolder, named);
    const found = await readConfig(path);
    if (found === undefined) throw new UsageError(`--config ${named}: no such file`);
    return found;
  }
  return (await readConfig(userConfigPath(surroundings))) ?? (await readConfig(systemConfigPath));
}

async function readConfig(path: string): Promise<FoundConfig | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw error;
  }
  if (text.length > largestConfigBytes) throw new UsageError(`${path}: larger than ${largestConfigBytes} bytes`);
  return { path, text };
}
