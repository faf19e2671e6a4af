/** The daemon is about to end and takes no new work. */
export class DaemonStoppingError extends Error {
  override readonly name = "DaemonStoppingError";
  readonly code = "DAEMON_STOPPING";
  constructor() {
    super("the daemon is stopping: try again in a moment");
  }
}
