/** The bytes from `start` up to, not including, `end`. Offsets in bytes; empty when equal. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export const sizeOfRange = (range: ByteRange): number => range.end - range.start;

/** The bytes in both, or undefined when there are none. */
export function intersect(a: ByteRange, b: ByteRange): ByteRange | undefined {
  const start = Math.max(a.start, b.start);
  const end = Math.min(a.end, b.end);
  return start < end ? { start, end } : undefined;
}

/** HTTP names the last byte, not the one after it (RFC 9110 §14.1.2). The only place that subtracts one. */
export const toRangeHeader = (range: ByteRange): string => `bytes=${range.start}-${range.end - 1}`;
