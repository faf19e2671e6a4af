/** A page of a sorted list. */
export interface Page {
  /** Only what sorts behind it; it need not exist. */
  readonly after?: string | undefined;
  /** At most so many. */
  readonly limit: number;
}

/** A page of a list that can be read from its end. */
export interface EitherWayPage extends Page {
  /** From the last key to the first; `after` then names what came before in that order. */
  readonly isDescending?: boolean | undefined;
}
