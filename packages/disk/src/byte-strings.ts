/** Many byte strings in one buffer: string `i` is `bytes[ends[i]..ends[i + 1]]`. `ends[0]` is 0, never falling. */
export interface ByteStrings {
  readonly ends: Uint32Array;
  readonly bytes: Uint8Array;
}

/** String `i`, a view and not a copy. */
export const byteString = (strings: ByteStrings, i: number): Uint8Array =>
  strings.bytes.subarray(strings.ends[i] ?? 0, strings.ends[i + 1] ?? 0);
