import type { Logger } from "pino";

/** Runs `work` again and again, never twice at once; a stop ends it and waits for that. */
export function repeat(
  intervalMs: number,
  work: (signal: AbortSignal) => Promise<unknown>,
  log: Logger,
  what: string,
): AsyncDisposable {
  const stop = new AbortController();
  let running: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    try {
      await work(stop.signal);
    } catch (error) {
      if (!stop.signal.aborted) log.warn({ err: error }, `cannot ${what}; it is tried again later`);
    } finally {
      running = undefined;
    }
  };
  const timer = setInterval(() => {
    running ??= run();
  }, intervalMs);
  timer.unref();
  return {
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      stop.abort();
      await running;
    },
  };
}
