/**
 * Memory that a store reads into, lent by who asks for the bytes: it gets each piece's memory back with the piece, and uses it again
 * when nobody looks at the bytes any more. Without it each piece is new memory, which the garbage collector must find.
 */
export interface PieceMemory {
  /** At least one byte; the piece may be shorter than what was lent. */
  take(wantedBytes: number): Buffer;
}
