import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { constants } from "node:os";
import { promisify } from "node:util";
import { isErrno } from "../state/errno.js";

/** There is no runc to run containers with. */
export class RuncMissingError extends Error {
  override readonly name = "RuncMissingError";
  readonly code = "RUNC_MISSING";
  constructor(options?: ErrorOptions) {
    super("runc was not found on PATH: install it (Debian: apt-get install runc)", options);
  }
}

/** runc could not start the container; the message is its own. */
export class ContainerStartError extends Error {
  override readonly name = "ContainerStartError";
  readonly code = "CONTAINER_START";
}

export interface RuncContainer {
  /** runc's state folder, one per data root. */
  readonly stateFolder: string;
  readonly id: string;
  readonly bundle: string;
  /** Where runc writes what went wrong. */
  readonly logPath: string;
}

/** Gets what the container writes, as it comes. Must not throw. */
export type OnOutput = (stream: "stdout" | "stderr", bytes: Buffer) => void;

/** Passed on to the container. SIGKILL and SIGSTOP cannot be. */
const forwarded: readonly NodeJS.Signals[] = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
  "SIGWINCH",
  "SIGCONT",
];

/**
 * Runs the bundle in the foreground, on this process's own stdin, stdout and stderr (or with its output handed to `onOutput`), until the container's process ends.
 * Signals that this process gets go to the container; `stop` ends it by force.
 *
 * @returns the exit status of the container's process; 128 + n when signal n killed it
 * @throws {RuncMissingError} {ContainerStartError}
 */
export async function runInForeground(
  container: RuncContainer,
  stop: AbortSignal,
  onOutput?: OnOutput,
): Promise<number> {
  const child = spawn("runc", [...globalArguments(container), "run", "--bundle", container.bundle, container.id], {
    stdio: onOutput ? ["ignore", "pipe", "pipe"] : "inherit",
    // A session of its own: else the terminal would send Ctrl-C to runc as well, and the container would get it twice.
    detached: true,
  });
  if (onOutput) {
    child.stdout?.on("data", (bytes: Buffer) => onOutput("stdout", bytes));
    child.stderr?.on("data", (bytes: Buffer) => onOutput("stderr", bytes));
  }
  const forward = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  const kill = (): void => void deleteContainer(container).catch(() => child.kill("SIGKILL"));
  for (const signal of forwarded) process.on(signal, forward);
  stop.addEventListener("abort", kill, { once: true });
  if (stop.aborted) kill();
  try {
    const status = await exitStatus(child);
    if (status !== 0) await throwIfNotStarted(container);
    return status;
  } finally {
    stop.removeEventListener("abort", kill);
    for (const signal of forwarded) process.off(signal, forward);
  }
}

/** runc waits for the processes it killed; one that cannot die, in a read of a dead network mount say, must not hold up everything else. Milliseconds. */
const deleteTimeoutMs = 30_000;

/** Kills what still runs of the container and removes its state and cgroups. Nothing there: nothing done. @throws {RuncMissingError} */
export async function deleteContainer(container: Pick<RuncContainer, "stateFolder" | "id">): Promise<void> {
  try {
    const args = ["--root", container.stateFolder, "delete", "--force", container.id];
    await promisify(execFile)("runc", args, { timeout: deleteTimeoutMs, killSignal: "SIGKILL" });
  } catch (error) {
    if (isErrno(error, "ENOENT")) throw new RuncMissingError({ cause: error });
    throw error;
  }
}

const globalArguments = ({ stateFolder, logPath }: RuncContainer): string[] => [
  "--root",
  stateFolder,
  "--log",
  logPath,
  "--log-format",
  "json",
];

function exitStatus(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on("error", (error) => {
      reject(isErrno(error, "ENOENT") ? new RuncMissingError({ cause: error }) : error);
    });
    child.on("exit", (code, signal) => resolve(code ?? 128 + (constants.signals[signal ?? "SIGKILL"] ?? 0)));
  });
}

/** runc's own failures and the container's exit status look the same; the log tells them apart. */
async function throwIfNotStarted({ logPath }: RuncContainer): Promise<void> {
  const log = await readFile(logPath, "utf8").catch(() => "");
  for (const line of log.split("\n")) {
    const message = failureIn(line);
    if (message !== undefined) throw new ContainerStartError(message);
  }
}

function failureIn(line: string): string | undefined {
  if (!line.includes('"level":"error"')) return undefined;
  const entry: unknown = JSON.parse(line);
  if (typeof entry !== "object" || entry === null || !("msg" in entry) || typeof entry.msg !== "string")
    return undefined;
  return entry.msg.includes("unable to start container process") || entry.msg.startsWith("runc run failed")
    ? entry.msg
    : undefined;
}
