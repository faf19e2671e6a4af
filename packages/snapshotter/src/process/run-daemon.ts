import { type DaemonOptions, startDaemon } from "../daemon.js";
import { DaemonStoppingError } from "../mounts/daemon-stopping.js";
import { MountsBusyError } from "../node-service.js";

/**
 * Runs a daemon in the foreground until it is stopped by its API, SIGTERM or SIGINT. A signal takes away every mount, those in use too; they come
 * back with the next start, as after a restart of the service.
 *
 * @returns the exit status: 1 when somebody used a mount that a signal took away
 */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  const { log } = options;
  const daemon = await startDaemon(options).catch((error: unknown) => {
    log.fatal({ err: error }, "daemon not started");
    throw error;
  });
  let status = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
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
    await daemon.stopped;
    return status;
  } finally {
    process.off("SIGTERM", onSignal);
    process.off("SIGINT", onSignal);
  }
}
