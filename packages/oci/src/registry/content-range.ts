import { type ByteRange, toRangeHeader } from "../bytes/byte-range.js";

/** A `Content-Range` as sent: which bytes follow, and of how many if that is known. */
export interface ContentRange {
  readonly range: ByteRange;
  readonly totalBytes: number | undefined;
}

/** RFC 9110 §14.4. Undefined when absent, malformed or unsatisfied. */
export function parseContentRange(header: string | undefined): ContentRange | undefined {
  const found = /^bytes (\d{1,16})-(\d{1,16})\/(?:(\d{1,16})|\*)$/.exec(header?.trim() ?? "");
  if (found === null) return undefined;
  const start = Number(found[1]);
  const last = Number(found[2]);
  const totalBytes = found[3] === undefined ? undefined : Number(found[3]);
  const whole = [start, last, totalBytes ?? 0].every(Number.isSafeInteger);
  if (!whole || last < start || (totalBytes !== undefined && last >= totalBytes)) return undefined;
  return { range: { start, end: last + 1 }, totalBytes };
}

/** The `Content-Range` of an upload chunk and the `Range` of an upload's state: like {@link toRangeHeader}, without the unit. */
export const toUploadRange = (range: ByteRange): string => toRangeHeader(range).replace("bytes=", "");

/** Bytes that a registry has of an upload, from its `Range: 0-<last>` or `bytes=0-<last>`. `0-0` and nothing mean none. */
export function receivedBytes(header: string | undefined): number {
  const last = Number(/^(?:bytes=)?0-(\d{1,16})$/.exec(header?.trim() ?? "")?.[1] ?? 0);
  return last === 0 ? 0 : last + 1;
}
