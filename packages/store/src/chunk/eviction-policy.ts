/** What the choice of a victim is made on. Bytes; ticks of the store's clock. */
export interface EvictionCandidate {
  readonly number: number;
  readonly bytes: number;
  /** Of chunks in it that were used again lately. */
  readonly hotBytes: number;
}

/**
 * Whether a chunk deserves to be carried over when its segment goes: it was used after the tick in which it was written (a scan that reads everything
 * once heats nothing), and within the younger half of what the store holds. The clock ticks once a segment.
 */
export function isHot(lastUse: number, birth: number, now: number, segments: number): boolean {
  return lastUse > birth && now - lastUse <= Math.max(1, segments / 2);
}

/** The segment to give up: the one with the smallest hot share; of equals, the oldest. Undefined if there is none. */
export function chooseVictim(candidates: readonly EvictionCandidate[]): EvictionCandidate | undefined {
  let victim: EvictionCandidate | undefined;
  for (const candidate of candidates) {
    if (victim === undefined || comesBefore(candidate, victim)) victim = candidate;
  }
  return victim;
}

function comesBefore(a: EvictionCandidate, b: EvictionCandidate): boolean {
  const difference = a.hotBytes * b.bytes - b.hotBytes * a.bytes; // shares, compared without division
  return difference === 0 ? a.number < b.number : difference < 0;
}
