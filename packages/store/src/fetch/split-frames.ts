import type { ByteRange } from "@sluice/oci/content";

/**
 * Cuts a stream that begins at byte `start` of a blob into frames, each given out as soon as its last byte is there. What lies between
 * frames is skipped; what comes after the last is not read. Frames may repeat or overlap.
 *
 * @param frames by rising start, none before `start`
 * @returns the number of bytes received, when the stream ends before the last frame does; undefined when all frames were given out
 */
export async function* splitFrames<F extends { readonly frame: ByteRange }>(
  pieces: AsyncIterable<Uint8Array>,
  start: number,
  frames: readonly F[],
): AsyncGenerator<{ readonly of: F; readonly bytes: Uint8Array }, number | undefined> {
  let next = 0;
  let position = start;
  // What earlier pieces hold of the frames still to come: from `heldFrom` up to `position`.
  let held: Uint8Array[] = [];
  let heldFrom = start;
  for await (const piece of pieces) {
    held.push(piece);
    position += piece.byteLength;
    for (let of = frames[next]; of !== undefined && of.frame.end <= position; of = frames[++next]) {
      const joined = joinPieces(held);
      held = [joined];
      yield { of, bytes: joined.subarray(of.frame.start - heldFrom, of.frame.end - heldFrom) };
    }
    const upcoming = frames[next];
    if (upcoming === undefined) return undefined;
    // Let go of what no frame needs any more.
    const needed = Math.min(upcoming.frame.start, position);
    if (needed - heldFrom > 0) {
      held = dropFirst(held, needed - heldFrom);
      heldFrom = needed;
    }
  }
  return position - start;
}

const joinPieces = (pieces: readonly Uint8Array[]): Uint8Array =>
  pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);

function dropFirst(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let left = bytes;
  for (const piece of pieces) {
    if (left < piece.byteLength) rest.push(left > 0 ? piece.subarray(left) : piece);
    left = Math.max(0, left - piece.byteLength);
  }
  return rest;
}
