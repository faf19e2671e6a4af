import { type NotStreamableCode, NotStreamableError } from "../resolve/not-streamable.js";

/**
 * A signal that fires when the time is up, with an error that says so as its reason.
 *
 * @param late what to say then: `X did not come`
 */
export function timeLimit(
  late: string,
  maxMs: number,
  code: NotStreamableCode = "REGISTRY_UNREACHABLE",
): Disposable & { readonly signal: AbortSignal } {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(new NotStreamableError(code, `${late} within ${maxMs} ms`)), maxMs);
  return { signal: stop.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}

/**
 * What `work` gives, if it does within `maxMs`; its signal fires then, and who does not listen to that is not waited for.
 *
 * @param late as for {@link timeLimit}
 * @throws {NotStreamableError} `code`
 */
export async function inTime<T>(
  late: string,
  maxMs: number,
  work: (signal: AbortSignal) => Promise<T>,
  code?: NotStreamableCode,
): Promise<T> {
  using limit = timeLimit(late, maxMs, code);
  const { signal } = limit;
  const deadline = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  return await Promise.race([work(signal), deadline]);
}
