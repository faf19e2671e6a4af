/** `degraded`: it works, and would work better. `failing`: images are not streamed here until it is cured. */
export type FindingState = "ok" | "degraded" | "failing";

/** One thing that a node needs, as it is here. */
export interface Finding {
  readonly name: string;
  readonly state: FindingState;
  readonly ok: boolean;
  /** What it is good for here, or what is missing. */
  readonly detail: string;
  /** What to do about it; absent when all is well, or nothing can be done. */
  readonly cure?: string;
}

export const fine = (name: string, detail: string): Finding => ({ name, state: "ok", ok: true, detail });

export const degraded = (name: string, detail: string, cure?: string): Finding => ({
  ...{ name, state: "degraded", ok: false, detail },
  ...(cure !== undefined && { cure }),
});

export const failing = (name: string, detail: string, cure: string): Finding => ({
  ...{ name, state: "failing", ok: false, detail, cure },
});
