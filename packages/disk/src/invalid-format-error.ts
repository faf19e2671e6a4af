/** Bytes that should be a part of the format are not one. Reading them again is pointless. */
export class InvalidFormatError extends Error {
  override readonly name = "InvalidFormatError";
  readonly code = "INVALID_FORMAT";
  /** Which part of the format: "TOC", "layer index", "footer". */
  readonly part: string;
  /** Where in it: a field, a row, an offset. */
  readonly place: string;
  readonly expected: string;
  readonly found: string;

  constructor(part: string, place: string, expected: string, found: unknown, options?: ErrorOptions) {
    const shown = String(found).slice(0, 200);
    super(`${part}, ${place}: expected ${expected}, found ${shown}`, options);
    this.part = part;
    this.place = place;
    this.expected = expected;
    this.found = shown;
  }
}
