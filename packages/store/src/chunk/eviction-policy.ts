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

/**
 * The segment to give up: the oldest whose hot chunks can all be carried over, for then only cold ones are lost; if there is none, the one with the
 * smallest hot share. Never of the younger half: what was fetched a moment ago had no time to be used again, and would always go first, so that an image
 * of which the store has room for all would never be whole in it.
 *
 * @param carriedBytes of hot chunks find room elsewhere
 * @returns undefined if there is none
 */
export function chooseVictim(
  candidates: readonly EvictionCandidate[],
  carriedBytes: number,
): EvictionCandidate | undefined {
  const byAge = [...candidates].sort((a, b) => a.number - b.number);
  const old = byAge.slice(0, Math.ceil(byAge.length / 2));
  return old.find(({ hotBytes }) => hotBytes <= carriedBytes) ?? old.sort(byHotShare)[0];
}

/** Shares, compared without division. */
const byHotShare = (a: EvictionCandidate, b: EvictionCandidate): number => a.hotBytes * b.bytes - b.hotBytes * a.bytes;
