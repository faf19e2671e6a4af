import { type NotStreamableCode, NotStreamableError } from "../resolve/not-streamable.js";

/**
 * What `work` gives, if it does within `maxMs`; its signal fires then, and who does not listen to that is not waited for.
 *
 * @param late what to say of it: `X did not come`
 * @throws {NotStreamableError} `code`
 */
export async function inTime<T>(
  late: string,
  maxMs: number,
  work: (signal: AbortSignal) => Promise<T>,
  code: NotStreamableCode = "REGISTRY_UNREACHABLE",
): Promise<T> {
  const stop = new AbortController();
  const tooLate = new NotStreamableError(code, `${late} within ${maxMs} ms`);
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      stop.abort(tooLate);
      reject(tooLate); // whatever does not listen to the signal
    }, maxMs);
  });
  try {
    return await Promise.race([work(stop.signal), deadline]);
  } finally {
    clearTimeout(timer);
  }
}
