import type { ByteRange } from "@sluice/oci/content";
import type { BufferPool } from "./buffer-pool.js";

/**
 * Cuts a stream that begins at byte `start` of a blob into frames, each given out as soon as its last byte is there. What lies between
 * frames is skipped; what comes after the last is not read. Frames may repeat or overlap.
 *
 * @param frames by rising start, none before `start`
 * @param pool for frames that lie in several pieces: the bytes of a frame are written over once the next one is asked for
 * @returns the number of bytes received, when the stream ends before the last frame does; undefined when all frames were given out
 */
export async function* splitFrames<F extends { readonly frame: ByteRange }>(
  pieces: AsyncIterable<Uint8Array>,
  start: number,
  frames: readonly F[],
  pool: BufferPool,
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
      const { start: from, end } = of.frame;
      [held, heldFrom] = dropUpTo(held, heldFrom, from);
      const whole = held[0];
      if (whole !== undefined && end - heldFrom <= whole.byteLength) {
        yield { of, bytes: whole.subarray(from - heldFrom, end - heldFrom) };
      } else {
        yield* joined(of, held, heldFrom, pool);
      }
    }
    const upcoming = frames[next];
    if (upcoming === undefined) return undefined;
    [held, heldFrom] = dropUpTo(held, heldFrom, Math.min(upcoming.frame.start, position));
  }
  return position - start;
}

/** @param pieces from byte `piecesFrom` of the blob up to the end of the frame or further */
function* joined<F extends { readonly frame: ByteRange }>(
  of: F,
  pieces: readonly Uint8Array[],
  piecesFrom: number,
  pool: BufferPool,
): Generator<{ readonly of: F; readonly bytes: Uint8Array }> {
  const { start, end } = of.frame;
  const buffer = pool.take(end - start);
  try {
    let at = piecesFrom;
    for (const piece of pieces) {
      const part = piece.subarray(Math.max(0, start - at), Math.max(0, end - at));
      buffer.bytes.set(part, Math.max(0, at - start));
      at += piece.byteLength;
      if (at >= end) break;
    }
    yield { of, bytes: buffer.bytes };
  } finally {
    buffer.release();
  }
}

/** Lets go of the pieces that end at or before byte `offset` of the blob. @returns the rest, and where it begins */
function dropUpTo(pieces: Uint8Array[], piecesFrom: number, offset: number): [rest: Uint8Array[], from: number] {
  let dropped = 0;
  let from = piecesFrom;
  for (const { byteLength } of pieces) {
    if (from + byteLength > offset) break;
    from += byteLength;
    dropped++;
  }
  return dropped === 0 ? [pieces, piecesFrom] : [pieces.slice(dropped), from];
}
