/** A page of a sorted list. */
export interface Page {
  /** Only what sorts behind it; it need not exist. */
  readonly after?: string | undefined;
  /** At most so many. */
  readonly limit: number;
}
