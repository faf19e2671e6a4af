import { InvalidFormatError } from "@sluice/disk";
import { type ByteRange, type Digest, DigestMismatchError } from "@sluice/oci/content";

/** The source answered, and some bytes are not what was asked for. */
export const isWrongBytes = (error: unknown): boolean =>
  error instanceof InvalidFormatError || error instanceof DigestMismatchError;

/** Whether another attempt will most likely fail alike: wrong bytes, or an error that says so by `retryable: false`. */
export function looksPermanent(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(looksPermanent);
  if (isWrongBytes(error)) return true;
  return error instanceof Error && "retryable" in error && error.retryable === false;
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A chunk could not be fetched, and trying again did not help. `cause` is the last attempt's error. */
export class ChunkFetchError extends Error {
  override readonly name = "ChunkFetchError";
  readonly code = "CHUNK_FETCH_FAILED";
  readonly id: Digest;
  readonly blob: Digest;
  readonly attempts: number;
  /** @param options `until`: what ended the attempts, if it was not their number */
  constructor(
    id: Digest,
    blob: Digest,
    attempts: number,
    options: { readonly cause: unknown; readonly until?: unknown },
  ) {
    const within = options.until === undefined ? "" : ` until ${messageOf(options.until)}`;
    const what = `chunk ${id} of blob ${blob}: not fetched in ${attempts} attempts${within}`;
    super(`${what}; the last one: ${messageOf(options.cause)}`, { cause: options.cause });
    this.id = id;
    this.blob = blob;
    this.attempts = attempts;
  }
}

/** The source ended a range early, against its contract. */
export class ShortRangeError extends Error {
  override readonly name = "ShortRangeError";
  readonly code = "SHORT_RANGE";
  constructor(blob: Digest, range: ByteRange, receivedBytes: number) {
    super(`blob ${blob}, bytes ${range.start} to ${range.end}: ended after ${receivedBytes} bytes`);
  }
}

/** Nothing arrived for too long. */
export class StalledRangeError extends Error {
  override readonly name = "StalledRangeError";
  readonly code = "RANGE_STALLED";
  constructor(blob: Digest, range: ByteRange, stallTimeoutMs: number) {
    super(`blob ${blob}, bytes ${range.start} to ${range.end}: no byte for ${stallTimeoutMs} ms`);
  }
}

/** The fetcher was closed while the chunk was on its way. */
export class FetcherClosedError extends Error {
  override readonly name = "FetcherClosedError";
  readonly code = "FETCHER_CLOSED";
  constructor() {
    super("chunk fetcher: closed");
  }
}
