/** Room for `wanted` elements and some more, so that adding one by one costs a constant each. */
export const capacityFor = (wanted: number, current: number): number =>
  Math.max(wanted, Math.ceil(current * 1.5), 1024);

/** A longer copy. */
export function grown<A extends Uint8Array | Uint32Array | Int32Array>(array: A, capacity: number): A {
  const longer = new (array.constructor as new (length: number) => A)(capacity); // A's own constructor takes a length
  longer.set(array);
  return longer;
}
