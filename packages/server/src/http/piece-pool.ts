import type { PieceMemory } from "@sluice/store";

/** Enough for many small blobs in one piece, and little enough for hundreds of clients that take nothing. Bytes. */
const smallBytes = 64 * 1024;
/** Large enough that calls cost nothing beside copying. Bytes. */
const largeBytes = 512 * 1024;
/** Kept for the next answers, of each size. Bytes. */
const keptBytes = 16 * 1024 * 1024;

const kept: Readonly<Record<"small" | "large", Buffer[]>> = { small: [], large: [] };

/**
 * The memory of one answer's pieces, out of what earlier answers gave back. Pieces are small until the client has shown that it takes
 * large ones at once.
 */
export class LentPieces implements PieceMemory {
  readonly #lent = new Map<ArrayBufferLike, Buffer>();
  isFast = false;

  take(wantedBytes: number): Buffer {
    const isLarge = this.isFast && wantedBytes > smallBytes;
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
    const place = buffer.length === largeBytes ? kept.large : kept.small;
    if (place.length * buffer.length < keptBytes) place.push(buffer);
  }
}
