/** Bytes to write to and a view of them. */
export interface Canvas {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}
