/** Comes last in every call that may wait. */
export interface AbortOptions {
  readonly signal?: AbortSignal | undefined;
}
