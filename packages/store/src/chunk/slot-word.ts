/**
 * The state of a slot in one 32-bit word: generation × 4 + state. Whoever changes where a slot points raises the generation, so a reader
 * that finds the same generation before and after it took segment, offset and length knows that they belong together.
 */
export const slotState = {
  /** Not in the store. */
  absent: 0,
  /** In the store, not verified in this life of the process. */
  present: 1,
  /** Verified: may be read without another check. */
  verified: 2,
  /** Was in the store and is not what it should be. Like absent; the next put heals it. */
  damaged: 3,
} as const;

export type SlotState = (typeof slotState)[keyof typeof slotState];

export const stateOf = (word: number): SlotState => (word & 3) as SlotState; // two bits have these four values

export const generationOf = (word: number): number => word >> 2;

/** Same generation, other state. */
export const withState = (word: number, state: SlotState): number => (word & ~3) | state;

/** Next generation; wraps after 2^30. */
export const nextGeneration = (word: number, state: SlotState): number => ((word + 4) & ~3) | state;
