/** Bytes in one part: ten thousand of them, S3's limit, hold more than the largest blob. */
export const partBytes: number = 8 * 1024 * 1024;

/**
 * The bytes of `source` in pieces of {@link partBytes}, the last one shorter; none when there are no bytes. When the source fails, what had
 * arrived comes first, and then its error: nothing that arrived is lost.
 */
export async function* partsOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  let failure: { readonly error: unknown } | undefined;
  try {
    for await (const piece of source) {
      for (let at = 0; at < piece.byteLength; ) {
        const taken = piece.subarray(at, at + partBytes - sizeBytes);
        pieces.push(taken);
        sizeBytes += taken.byteLength;
        at += taken.byteLength;
        if (sizeBytes < partBytes) continue;
        yield Buffer.concat(pieces);
        [pieces, sizeBytes] = [[], 0];
      }
    }
  } catch (error) {
    failure = { error };
  }
  if (sizeBytes > 0) yield Buffer.concat(pieces);
  if (failure !== undefined) throw failure.error;
}
