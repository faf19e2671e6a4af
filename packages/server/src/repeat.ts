import type { Logger } from "pino";

/** Runs `work` again and again, the first time after `firstMs`, never twice at once; a stop ends it and waits for that. */
export function repeat(
  intervalMs: number,
  work: (signal: AbortSignal) => Promise<unknown>,
  log: Logger,
  what: string,
  firstMs: number = intervalMs,
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
  const tick = (): void => {
    timer = setTimeout(tick, intervalMs).unref();
    running ??= run();
  };
  let timer = setTimeout(tick, firstMs).unref();
  return {
    [Symbol.asyncDispose]: async () => {
      clearTimeout(timer);
      stop.abort();
      await running;
    },
  };
}
