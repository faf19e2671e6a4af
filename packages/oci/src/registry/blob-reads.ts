import type { AbortOptions } from "../abort-options.js";
import { type ByteRange, toRangeHeader } from "../bytes/byte-range.js";
import type { Digest } from "../digest/digest.js";
import type { ReadRangeOptions } from "../repository/repository.js";
import { parseContentRange } from "./content-range.js";
import { requestName } from "./error-of-response.js";
import { RangeIgnoredError, RegistryError, ShortBodyError, UnexpectedReplyError } from "./errors.js";
import { isHtml } from "./manifests.js";
import { cleanText } from "./redact.js";
import { pullRequest, type RepositoryContext } from "./repository-requests.js";
import { pause, pauseAfter } from "./retry.js";
import type { HttpResponse } from "./transport.js";

/** Bytes before a range that are read and thrown away where a registry ignores Range. About what a new request costs at 100 Mbit/s and 20 ms. */
const maxSkippedBytes = 1024 * 1024;
/** A read that got this much further since its last failure has all attempts again. */
const progressBytes = 1024 * 1024;

export interface BlobRead {
  readonly digest: Digest;
  readonly range: ByteRange;
  /** The range is the whole blob: ask without Range, and when taking up again skip as much as it takes. */
  readonly whole: boolean;
}

/**
 * Exactly the bytes of a range. A read that breaks in the middle is taken up where it stopped, within the attempts of the caller or the session.
 *
 * @throws {RegistryError} by situation, or the signal's own reason
 */
export async function* readBytes(
  context: RepositoryContext,
  read: BlobRead,
  options?: ReadRangeOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { end } = read.range;
  const retry = { ...context.session.retry, maxAttempts: options?.attempts ?? context.session.retry.maxAttempts };
  let at = read.range.start;
  let failures = 0;
  let failedAt = at;
  while (at < end) {
    try {
      for await (const piece of openAt(context, read, at, options)) {
        at += piece.byteLength;
        yield piece;
      }
    } catch (error) {
      options?.signal?.throwIfAborted();
      failures = at - failedAt >= progressBytes ? 1 : failures + 1;
      failedAt = at;
      const pauseMs = failures < retry.maxAttempts ? pauseAfter(error, failures, retry) : undefined;
      if (pauseMs === undefined) throw error;
      await pause(pauseMs, options);
    }
  }
}

/** One request for what is missing. Ends when the range is complete; throws when the body ends before. */
async function* openAt(
  context: RepositoryContext,
  read: BlobRead,
  at: number,
  options?: AbortOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const wanted: ByteRange = { start: at, end: read.range.end };
  const fromStart = read.whole && at === 0;
  const response = await context.session.attempt(
    pullRequest(context, `blobs/${read.digest}`, {
      kind: read.whole ? "blob" : "range",
      expect: [200, 206, 416],
      redirectKey: `${context.repository} ${read.digest}`,
      ...(!fromStart && { headers: { range: toRangeHeader(wanted) } }),
    }),
    options,
  );
  const skipBytes = await bytesToSkip(response, wanted, read.whole);
  let left = skipBytes + wanted.end - wanted.start;
  let skip = skipBytes;
  for await (const piece of response.body) {
    const useful = piece.subarray(Math.min(skip, piece.byteLength), Math.min(left, piece.byteLength));
    skip -= Math.min(skip, piece.byteLength);
    left -= Math.min(left, piece.byteLength);
    if (useful.byteLength > 0) yield useful;
    if (left === 0 && response.status === 200 && !fromStart) return; // leaving the loop cuts the rest of the blob
  }
  if (left > 0) {
    const problem = `the body ended ${left} bytes early`;
    throw new ShortBodyError(problem, { request: requestName(response), status: response.status });
  }
}

/** Bytes of the body before the wanted range. @throws when the answer does not hold the range, or it lies too far in */
async function bytesToSkip(response: HttpResponse, wanted: ByteRange, whole: boolean): Promise<number> {
  const problem = problemWith(response, wanted, whole);
  if (problem === undefined) return response.status === 200 ? wanted.start : 0;
  await response.body.discard();
  throw problem;
}

function problemWith(response: HttpResponse, wanted: ByteRange, whole: boolean): RegistryError | undefined {
  const { header, status } = response;
  const encoding = header("content-encoding") ?? "identity";
  const sent = status === 206 ? parseContentRange(header("content-range"))?.range : undefined;
  const isRange = sent?.start === wanted.start && sent.end === wanted.end;
  const isWhole = status === 200 && !isHtml(response) && (whole || wanted.start <= maxSkippedBytes);
  if (encoding === "identity" && (isRange || isWhole)) return undefined;

  const facts = { request: requestName(response), status };
  const range = toRangeHeader(wanted);
  if (status === 416) {
    return new RegistryError(`the blob has no ${range}: it is shorter than its descriptor or table says`, facts);
  }
  if (encoding !== "identity") {
    return new UnexpectedReplyError(`the blob came with Content-Encoding ${cleanText(encoding)}`, facts);
  }
  if (status === 206) {
    const shown = sent === undefined ? "no usable Content-Range" : toRangeHeader(sent);
    return new UnexpectedReplyError(`asked for ${range}, got ${shown}`, facts);
  }
  if (isHtml(response)) return new UnexpectedReplyError("an HTML page came where a blob was expected", facts);
  const cure = "Use a registry, mirror or proxy setting that supports HTTP ranges for blobs";
  return new RangeIgnoredError(`${range} was answered with the whole blob`, { ...facts, cure });
}
