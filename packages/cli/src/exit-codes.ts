/** What the program tells its caller by ending. `run` and `bench` also pass a container's own code on. */
export const exitCodes = {
  done: 0,
  /** Something outside went wrong, or a check found a fault. */
  failed: 1,
  /** The command line or the configuration makes no sense. */
  usage: 2,
  /** 128 + SIGINT: the caller pressed Ctrl-C. */
  interrupted: 130,
} as const;

/** 0 to 255. */
export type ExitCode = number;
