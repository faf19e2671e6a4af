import type { Registry } from "./registry.js";

/** What a view has to work with. */
export interface Stage {
  readonly registry: Registry;
  /** What the address says behind the view's name. */
  readonly query: URLSearchParams;
  /** Aborted when another view is shown. */
  readonly signal: AbortSignal;
  /** Tells everybody, screen readers included, what happened. */
  announce(text: string): void;
  /** Runs what somebody asked for; what goes wrong is shown, as by `tell`. */
  attempt(work: () => Promise<void>): Promise<void>;
  /** Shows what went wrong in what nobody asked for just now; whoever is not signed in, or no longer, may do so. */
  tell(error: unknown): void;
  /** Shows the same view anew, and says why. */
  reload(reason?: string): void;
}

/** Loads what it shows, then shows it; the first heading names it. */
export type View = (stage: Stage) => Promise<readonly Node[]>;
