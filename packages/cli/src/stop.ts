import { InterruptedError, OutputClosedError } from "./errors.js";
import { exitCodes } from "./exit-codes.js";
import type { Surroundings } from "./surroundings.js";

/** The one switch that stops a verb, and what pulls it. */
export interface Stop extends Disposable {
  readonly signal: AbortSignal;
  /** Signals of the process are no longer listened to. Again: nothing. */
  releaseInterrupts(): void;
}

/**
 * The first Ctrl-C (or SIGTERM) aborts the signal, the second ends the process at once. A closed stdout aborts it too, silently:
 * nobody is left to read the answer.
 */
export function watchForStop(surroundings: Surroundings): Stop {
  const controller = new AbortController();
  const release = surroundings.onInterrupt((signal) => {
    if (controller.signal.aborted) surroundings.forceExit(exitCodes.interrupted);
    else controller.abort(new InterruptedError(signal));
  });
  const onOutputError = (error: Error): void => {
    const isClosed = "code" in error && (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED");
    controller.abort(isClosed ? new OutputClosedError("stdout was closed") : error);
  };
  surroundings.stdout.on("error", onOutputError);
  return {
    signal: controller.signal,
    releaseInterrupts: release,
    // The listener on stdout stays: EPIPE is told after the last write has returned.
    [Symbol.dispose]: release,
  };
}
