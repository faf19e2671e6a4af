import { execFile } from "node:child_process";
import { join } from "node:path";

/** What a command said, and how it ended. */
export interface CommandResult {
  readonly exitCode: number;
  /** Of both streams, as much as a message needs. */
  readonly output: string;
}

/** The machine that is made a node: its files below a folder, and its commands. */
export interface Host {
  /** Where its `/` lies here. */
  readonly rootFolder: string;
  readonly run: (program: string, args: readonly string[]) => Promise<CommandResult>;
}

export const onHost = (host: Host, path: string): string => join(host.rootFolder, path);

/** A command that does not end within this hangs: a restart of containerd takes seconds. Milliseconds. */
const commandTimeoutMs = 120_000;
const shownCharacters = 500;

/** The machine whose root is mounted at `rootFolder`: this one, or the one that a container is let into. */
export function localHost(rootFolder: string): Host {
  return {
    rootFolder,
    run: (program, args) => {
      const [file, ...words] = rootFolder === "/" ? [program, ...args] : ["chroot", rootFolder, program, ...args];
      return new Promise((resolve) => {
        execFile(file ?? program, words, { timeout: commandTimeoutMs }, (error, stdout, stderr) => {
          const output = `${stdout}${stderr}`.trim() || (error?.message ?? "");
          const exitCode = error === null ? 0 : typeof error.code === "number" ? error.code : 127;
          resolve({ exitCode, output: output.slice(-shownCharacters) });
        });
      });
    },
  };
}
