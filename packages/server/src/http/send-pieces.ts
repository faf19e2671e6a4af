import type { ServerResponse } from "node:http";
import type { Answer, ReadPieces } from "./answer.js";
import { LentPieces } from "./piece-pool.js";

/** A client that takes a piece within this takes large ones. Milliseconds. */
const fastMs = 20;

interface Head extends Pick<Answer, "status" | "headers"> {
  /** Called when the first piece is there and the answer begins. */
  readonly begin: () => void;
}

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
  head.begin();
  for (const [name, value] of Object.entries(head.headers ?? {})) response.setHeader(name, value);
  response.statusCode = head.status;
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

/** Waits until the kernel has taken what is written to a response, or the client has gone: then a write may never be called back. */
class Taken {
  readonly #response: ServerResponse;
  #settle: ((isTaken: boolean) => void) | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
    response.once("close", () => this.#settle?.(response.writableFinished));
  }

  /** @returns false when the client has gone */
  async all(bytes: Uint8Array, isLast: boolean): Promise<boolean> {
    if (this.#response.destroyed) return false;
    return await new Promise((resolve) => {
      this.#settle = resolve;
      if (isLast) this.#response.end(bytes, () => resolve(true));
      else this.#response.write(bytes, (error) => resolve(!error));
    });
  }
}
