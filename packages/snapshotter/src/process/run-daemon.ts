import { type Daemon, type DaemonOptions, startDaemon } from "../daemon.js";
import { DaemonStoppingError } from "../mounts/daemon-stopping.js";
import { MountsBusyError } from "../node-service.js";
import type { Logger } from "../observe/log.js";

/**
 * Runs a daemon in the foreground until it is stopped by its API, SIGTERM or SIGINT. A signal takes away every mount, those in use too; they come
 * back with the next start, as after a restart of the service. SIGTERM does nothing where the keeper leaves at it: containers stand on the mounts. A daemon that does not serve yet
 * ends at once by either, unless it has taken mounts over: then it is stopped as soon as it serves.
 *
 * @returns the exit status: 1 when somebody used a mount that a signal took away
 */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  const { log } = options;
  process.on("uncaughtException", (error) => dieAtOnce(error, log)); // rejections that nobody handles come here, too
  const toldEarly = new AbortController();
  let daemon: Daemon | undefined;
  let status = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (!daemon) {
      log.info({ signal }, "told to stop before it serves");
      toldEarly.abort(signal);
      return;
    }
    if (signal === "SIGTERM" && options.keeper?.onTerm === "leave") {
      log.warn("SIGTERM does not end what containers stand on: `sluice daemon stop` does");
      return;
    }
    log.info({ signal }, "stopping");
    daemon.stop({ busy: "detach", keepMounts: true }).then(
      ({ detached }) => {
        if (detached.length === 0) return;
        status = 1;
        log.warn({ detached }, "mounts in use were cut off");
      },
      (error: unknown) => {
        if (error instanceof DaemonStoppingError) return; // told twice
        if (!(error instanceof MountsBusyError)) log.error({ err: error }, "stop failed");
      },
    );
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  try {
    daemon = await startDaemon({ ...options, signal: toldEarly.signal });
    if (toldEarly.signal.aborted) onSignal(toldEarly.signal.reason);
    await daemon.stopped;
    return status;
  } catch (error) {
    if (toldEarly.signal.aborted && error === toldEarly.signal.reason) return 0;
    if (!daemon) log.fatal({ err: isFault(error) ? error : withoutStack(error) }, "daemon not started");
    throw error;
  } finally {
    process.off("SIGTERM", onSignal);
    process.off("SIGINT", onSignal);
  }
}

/** An error without a code of ours: where it was thrown matters then. */
const isFault = (error: unknown): boolean =>
  !(error instanceof Error) || !("code" in error) || typeof error.code !== "string" || error.code.startsWith("ERR_");

const withoutStack = (error: unknown): object =>
  error instanceof Error ? { ...error, message: error.message } : { message: String(error) };

/**
 * Node's own end of a process waits for its threads, and those that answer the kernel may wait in read(2) for ever: the keeper would hear of no death, and readers of
 * no answer.
 */
function dieAtOnce(error: unknown, log: Logger): void {
  try {
    log.fatal({ err: error }, "the daemon failed in a way that it cannot handle; the next one takes over");
  } finally {
    process.kill(process.pid, "SIGKILL");
  }
}
