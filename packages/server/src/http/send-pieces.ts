import type { ServerResponse } from "node:http";
import type { ReadPieces } from "./answer.js";
import { beginAnswer, type Head, Taken } from "./begun-answer.js";
import { LentPieces } from "./piece-pool.js";

/** A client that takes a piece within this takes large ones. Milliseconds. */
const fastMs = 20;

/**
 * Sends a body whose pieces are read into memory that is used again: for a fast client the next piece is read while one is sent; for a
 * slow one a small piece waits and nothing else. Resolves when all is sent, or the client has gone.
 *
 * @param cutShort is told why an answer whose head was sent ends early
 * @throws what reading the first piece fails with; nothing is sent then
 */
export async function sendPieces(
  response: ServerResponse,
  head: Head,
  read: ReadPieces,
  cutShort: (error: unknown) => void,
): Promise<void> {
  const memory = new LentPieces();
  const pieces = read(memory)[Symbol.asyncIterator]();
  const first = await pieces.next();
  beginAnswer(response, head);
  try {
    await sendAll(response, memory, pieces, first);
  } catch (error) {
    cutShort(error);
    response.destroy();
  } finally {
    await pieces.return?.();
    memory.forget();
  }
}

async function sendAll(
  response: ServerResponse,
  memory: LentPieces,
  pieces: AsyncIterator<Uint8Array>,
  first: IteratorResult<Uint8Array, unknown>,
): Promise<void> {
  const taken = new Taken(response);
  let leftBytes = Number(response.getHeader("content-length"));
  for (let next = first; next.done !== true; ) {
    const { value: piece } = next;
    leftBytes -= piece.byteLength;
    const following = memory.isFast && leftBytes > 0 ? settled(pieces.next()) : undefined;
    const startedAt = performance.now();
    if (!(await taken.all(piece, leftBytes <= 0))) {
      await following?.();
      return;
    }
    memory.isFast = performance.now() - startedAt < fastMs;
    memory.giveBack(piece);
    if (leftBytes <= 0) return;
    next = await (following?.() ?? pieces.next());
  }
  if (leftBytes > 0) throw new Error(`the body ended ${leftBytes} bytes early`);
  response.end();
}

/** Looks at a promise now, so that its failure is nobody's unhandled rejection, and gives it later. */
function settled<T>(promise: Promise<T>): () => Promise<T> {
  promise.catch(() => undefined);
  return () => promise;
}
