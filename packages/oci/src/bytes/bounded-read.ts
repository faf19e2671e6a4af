/** More came than the reader is willing to hold. `what` names the source; the bound is in bytes. */
export class TooLargeError extends Error {
  override readonly name = "TooLargeError";
  readonly code = "TOO_LARGE";
  readonly maxBytes: number;
  constructor(what: string, maxBytes: number, options?: ErrorOptions) {
    super(`${what}: larger than the ${maxBytes} bytes that are allowed`, options);
    this.maxBytes = maxBytes;
  }
}

/**
 * All bytes of `source`, at most `maxBytes` of them. Leaves the loop, and so closes the source, as soon as one more arrives.
 *
 * @throws {TooLargeError} naming `what`
 */
export async function readBounded(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
  what: string,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of source) {
    sizeBytes += piece.byteLength;
    if (sizeBytes > maxBytes) throw new TooLargeError(what, maxBytes);
    pieces.push(piece);
  }
  return pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces, sizeBytes);
}
