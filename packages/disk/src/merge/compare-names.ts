/** Compares `bytes[aStart..aEnd)` and `bytes[bStart..bEnd)` as unsigned bytes; the shorter one first when it is a prefix. */
export function compareNames(bytes: Uint8Array, aStart: number, aEnd: number, bStart: number, bEnd: number): number {
  const common = Math.min(aEnd - aStart, bEnd - bStart);
  for (let i = 0; i < common; i++) {
    const difference = (bytes[aStart + i] ?? 0) - (bytes[bStart + i] ?? 0);
    if (difference !== 0) return difference;
  }
  return aEnd - aStart - (bEnd - bStart);
}
