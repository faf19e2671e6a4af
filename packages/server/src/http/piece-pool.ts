import type { PieceMemory } from "@sluice/store";

/** Enough for many small blobs in one piece, and little enough for hundreds of clients that take nothing. Bytes. */
const smallBytes = 64 * 1024;
/** Large enough that calls cost nothing beside copying. Bytes. */
const largeBytes = 512 * 1024;
/** Of them at once, over all answers: two for each of 32 fast clients. What many clients hold who were fast and stand still is bounded by it. */
const mostLarge = 64;
/** Kept for the next answers, of each size. Bytes. */
const keptBytes = 16 * 1024 * 1024;

let largeLent = 0;
const kept: Readonly<Record<"small" | "large", Buffer[]>> = { small: [], large: [] };

/**
 * The memory of one answer's pieces, out of what earlier answers gave back. Pieces are small until the client has shown that it takes
 * large ones at once.
 */
export class LentPieces implements PieceMemory {
  readonly #lent = new Map<ArrayBufferLike, Buffer>();
  isFast = false;

  take(wantedBytes: number): Buffer {
    const isLarge = this.isFast && wantedBytes > smallBytes && largeLent < mostLarge;
    if (isLarge) largeLent++;
    const buffer =
      (isLarge ? kept.large : kept.small).pop() ?? Buffer.allocUnsafeSlow(isLarge ? largeBytes : smallBytes);
    this.#lent.set(buffer.buffer, buffer);
    return buffer;
  }

  /** Gives a piece's memory back: nothing may look at it any more. Memory that was not lent here is left alone. */
  giveBack(piece: Uint8Array): void {
    const buffer = this.#lent.get(piece.buffer);
    if (buffer === undefined) return;
    this.#lent.delete(piece.buffer);
    if (buffer.length === largeBytes) largeLent--;
    const place = buffer.length === largeBytes ? kept.large : kept.small;
    if (place.length * buffer.length < keptBytes) place.push(buffer);
  }

  /** Forgets what was not given back: a socket may still look at it. */
  forget(): void {
    for (const buffer of this.#lent.values()) if (buffer.length === largeBytes) largeLent--;
    this.#lent.clear();
  }
}
