import { homedir } from "node:os";

/** The world a command line runs in: everything it may see of the process. Tests hand in their own. */
export interface Surroundings {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Absolute; relative paths of the command line start here. */
  readonly workingFolder: string;
  /** Absolute. */
  readonly homeFolder: string;
  readonly isRoot: boolean;
  /** Calls back at each SIGINT or SIGTERM until the returned function is called. */
  readonly onInterrupt: (interrupted: (signal: "SIGINT" | "SIGTERM") => void) => () => void;
  /** Calls back at each SIGHUP, which else ends the process, until what is returned is disposed of. */
  readonly onReload: (reload: () => void) => Disposable;
  /** Ends the process at once, whatever still runs. */
  readonly forceExit: (code: number) => void;
}

export interface OutputStream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
}

export function surroundingsOfProcess(): Surroundings {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    workingFolder: process.cwd(),
    homeFolder: homedir(),
    isRoot: process.getuid?.() === 0,
    onInterrupt: (interrupted) => {
      const onInt = (): void => interrupted("SIGINT");
      const onTerm = (): void => interrupted("SIGTERM");
      process.on("SIGINT", onInt).on("SIGTERM", onTerm);
      return () => process.off("SIGINT", onInt).off("SIGTERM", onTerm);
    },
    onReload: (reload) => {
      process.on("SIGHUP", reload);
      return { [Symbol.dispose]: () => void process.off("SIGHUP", reload) };
    },
    forceExit: (code) => process.exit(code),
  };
}
