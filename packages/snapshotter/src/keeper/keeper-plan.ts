/** Everything a keeper is told at its start, as JSON in its one argument. */
export interface KeeperPlan {
  /** A program and its arguments: the daemon. */
  readonly command: readonly string[];
  /** Where the command of the next daemon is left for a keeper that gets SIGHUP. Absolute path. */
  readonly commandFile: string;
  /** Where the daemon mounts the connection: looked for when it has to be ended. */
  readonly mountpoint: string;
  /** How many descriptors of /dev/fuse to hold. */
  readonly devices: number;
  /** Where the daemon's log goes: to the file in its data root, or where the keeper's own lines go. */
  readonly log: "file" | "stderr";
  /**
   * What SIGTERM does: ends the daemon, and with it the mounts; or ends this keeper only, which the daemon replaces by another one, so that mounts go on. `stop` if it does not say.
   */
  readonly onTerm?: OnTerm | undefined;
  /** How long daemons may fail to serve. Milliseconds; a minute if it does not say. */
  readonly patienceMs?: number | undefined;
  /** Of a keeper that takes the place of one that died: the daemon that runs, and the name of the descriptors that it gave us. */
  readonly running?: RunningDaemon | undefined;
}

export type OnTerm = "stop" | "leave";

interface RunningDaemon {
  readonly pid: number;
  readonly token: string;
}

/** What a daemon is told by its keeper, as JSON in this variable of its environment. */
export const keeperVariable = "SLUICE_KEEPER";

export interface KeptDaemon {
  /** Of the keeper. */
  readonly pid: number;
  /** Names the descriptors: as long as it stays the same, so does the connection. */
  readonly token: string;
  /** How many descriptors of /dev/fuse there are, from {@link firstDeviceFd} on. None where FUSE is not to be had. */
  readonly devices: number;
  readonly commandFile: string;
  readonly mountpoint: string;
  readonly log: "file" | "stderr";
  readonly onTerm?: OnTerm | undefined;
}

/** One for each thread that answers requests: see defaultFuseConfig, which a program that only starts a daemon need not load. */
export const defaultDevices = 2;

/** The descriptor on which keeper and daemon hold each other, in both processes that inherit it. */
export const linkFd = 3;
/** The first descriptor of /dev/fuse in a process that inherits them. */
export const firstDeviceFd = 4;

/** What a daemon says to its keeper, one word a line. */
export type DaemonWord =
  /** It answers reads. */
  | "serving"
  /** It ends because it was told to: no next one. */
  | "ending"
  /** The connection is beyond repair: the next one needs other descriptors. */
  | "spoiled";
const words: ReadonlySet<string> = new Set<DaemonWord>(["serving", "ending", "spoiled"]);
export const isDaemonWord = (text: string): text is DaemonWord => words.has(text);

/** A command as it was read from outside. @throws {Error} unless it is a list of a program and its arguments */
export function parseCommand(text: string): readonly string[] {
  const command: unknown = JSON.parse(text);
  const isCommand = Array.isArray(command) && command.length > 0 && command.every((word) => typeof word === "string");
  if (!isCommand) throw new Error("not a list of a program and its arguments");
  return command as readonly string[]; // checked on the line above
}
