import { constants } from "node:os";
import type { AbortOptions } from "@sluice/oci";
import { ReadDeadlineError } from "../session/misses.js";
import { PathError } from "./path-operations.js";

/** libfuse wants errors negative. */
const negativeErrno = (error: unknown): number => -constants.errno[error instanceof PathError ? error.code : "EIO"];

/**
 * Runs one operation and answers it exactly once: with its result, or with a negative errno when it rejects or when `deadlineMs` have passed. A reader that is
 * not answered hangs for ever, so nothing here may throw past the answer.
 *
 * @param onFailure told of everything but a {@link PathError}
 */
export function answer<T>(
  work: (options: AbortOptions) => Promise<T>,
  deadlineMs: number,
  done: (result: T) => void,
  failed: (negativeErrno: number) => void,
  onFailure: (error: unknown) => void,
): void {
  const stop = new AbortController();
  let isAnswered = false;
  const once = (respond: () => void): void => {
    if (isAnswered) return;
    isAnswered = true;
    clearTimeout(timer);
    respond();
  };
  const fail = (error: unknown): void =>
    once(() => {
      failed(negativeErrno(error));
      if (!(error instanceof PathError)) onFailure(error);
    });
  const timer = setTimeout(() => {
    const reason = new ReadDeadlineError(deadlineMs);
    fail(reason);
    stop.abort(reason);
  }, deadlineMs);
  work({ signal: stop.signal }).then((result) => once(() => done(result)), fail);
}
