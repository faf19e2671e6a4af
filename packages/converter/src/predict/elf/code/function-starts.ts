/** Encodings of the table of `.eh_frame_hdr` that linkers write: a 4-byte signed number from the table's own beginning. Linux Standard Base, "Exception Frame Header" */
const signed4FromTable = 0x3b;
const signed4FromHere = 0x1b;
const unsigned4 = 0x03;
const headerBytes = 12;
const rowBytes = 8;

/**
 * Where the functions of a file begin, in ascending order, as its `.eh_frame_hdr` lists them for the unwinder. `address` is that of the table. Empty for what
 * is no such table; ends where the rows are no longer sorted.
 */
export function functionStarts(table: Buffer, address: number): Float64Array {
  const isTable = table.length >= headerBytes && table[0] === 1 && table[1] === signed4FromHere;
  if (!isTable || table[2] !== unsigned4 || table[3] !== signed4FromTable) return new Float64Array(0);
  const count = Math.min(table.readUInt32LE(8), Math.floor((table.length - headerBytes) / rowBytes));
  const starts = new Float64Array(count);
  let last = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < count; row++) {
    const start = address + table.readInt32LE(headerBytes + row * rowBytes);
    if (start <= last) return starts.subarray(0, row);
    starts[row] = start;
    last = start;
  }
  return starts;
}

/** The place of a number in ascending ones; -1 when it is not there. */
export function placeOf(sorted: Float64Array, wanted: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const found = sorted[middle] ?? 0;
    if (found === wanted) return middle;
    if (found < wanted) low = middle + 1;
    else high = middle;
  }
  return -1;
}
