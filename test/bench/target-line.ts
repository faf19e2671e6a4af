/** What this project wants of a figure. */
export interface TargetLine {
  readonly what: string;
  readonly measured: number;
  readonly bound: "at most" | "at least";
  readonly wanted: number;
  readonly isHeld: boolean;
}

export const atMost = (what: string, measured: number, wanted: number): TargetLine => ({
  ...{ what, measured, bound: "at most", wanted, isHeld: measured <= wanted },
});

export const atLeast = (what: string, measured: number, wanted: number): TargetLine => ({
  ...{ what, measured, bound: "at least", wanted, isHeld: measured >= wanted },
});
