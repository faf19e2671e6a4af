import koffi from "koffi";

const pageBytes = 4096;

/**
 * `length` bytes of which the one at `aligned` starts a page. The kernel copies a page of the buffer at a time: where the pages of an answer
 * are the pages of the buffer, that is one copy a page and not two.
 */
export function pageAlignedBytes(length: number, aligned: number): Uint8Array {
  const room = new Uint8Array(length + pageBytes);
  const past = Number((koffi.address(room) + BigInt(aligned)) % BigInt(pageBytes));
  const start = (pageBytes - past) % pageBytes;
  return room.subarray(start, start + length);
}
