import type { ByteRange } from "@sluice/oci";

/** What a `Range` header asks of a body: all of it, a part, or a part that is not there. */
export type WantedRange =
  | { readonly kind: "all" }
  | { readonly kind: "part"; readonly range: ByteRange }
  | { readonly kind: "unsatisfiable" };

const all: WantedRange = { kind: "all" };
const unsatisfiable: WantedRange = { kind: "unsatisfiable" };

/**
 * One range of bytes: `first-last`, `first-` or `-suffix` (RFC 9110 §14.1.2). Several ranges, other units and malformed headers
 * are answered with the whole body, as the RFC allows.
 */
export function parseRangeHeader(header: string | undefined, sizeBytes: number): WantedRange {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/.exec(header ?? "");
  if (!match) return all;
  const [, first = "", last = ""] = match;
  if (first === "") return last === "" ? all : suffix(Number(last), sizeBytes);
  const start = Number(first);
  const end = last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  if (last !== "" && Number(last) < start) return all;
  return start < end ? { kind: "part", range: { start, end } } : unsatisfiable;
}

function suffix(lengthBytes: number, sizeBytes: number): WantedRange {
  if (lengthBytes === 0 || sizeBytes === 0) return unsatisfiable;
  return { kind: "part", range: { start: Math.max(0, sizeBytes - lengthBytes), end: sizeBytes } };
}

/** `Content-Range` of an answer: HTTP names the last byte, not the one after it. */
export const contentRangeOf = (range: ByteRange, sizeBytes: number): string =>
  `bytes ${range.start}-${range.end - 1}/${sizeBytes}`;

/** `Content-Range` of an upload's chunk, which has neither unit nor total: `0-1023`. Undefined when malformed. */
export function parseChunkRange(header: string): ByteRange | undefined {
  const match = /^(\d{1,16})-(\d{1,16})$/.exec(header.trim());
  if (!match) return undefined;
  const range = { start: Number(match[1]), end: Number(match[2]) + 1 };
  return range.start < range.end && Number.isSafeInteger(range.end) ? range : undefined;
}
