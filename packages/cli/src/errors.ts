/** The words make no sense: an unknown option, a value out of range, a bad configuration. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "USAGE";
}

/** The caller pressed Ctrl-C or sent SIGTERM. Everything begun was taken back. */
export class InterruptedError extends Error {
  override readonly name = "InterruptedError";
  readonly code = "INTERRUPTED";
  readonly signal: "SIGINT" | "SIGTERM";
  constructor(signal: "SIGINT" | "SIGTERM") {
    super("interrupted; nothing was left half done");
    this.signal = signal;
  }
}

/** Whoever read our output went away (`sluice mounts | head -1`). Not worth a word. */
export class OutputClosedError extends Error {
  override readonly name = "OutputClosedError";
  readonly code = "EPIPE";
}

/** A verb did its work and found a fault that it has already reported: exit code 1, nothing more to say. */
export class ReportedFailure extends Error {
  override readonly name = "ReportedFailure";
}
