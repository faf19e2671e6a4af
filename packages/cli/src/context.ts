import type { Logger } from "pino";
import type { Settings } from "./config/settings.js";
import type { Output } from "./output/output.js";
import type { Surroundings } from "./surroundings.js";

/** What a verb gets to work with. */
export interface Context {
  readonly settings: Settings;
  readonly output: Output;
  readonly surroundings: Surroundings;
  /** Fires at Ctrl-C, SIGTERM, and when whoever reads our output has gone. */
  readonly signal: AbortSignal;
  /** Structured lines on stderr. `level` stands in when neither flag nor configuration names one. */
  log(level: "warn" | "info"): Promise<Logger>;
  /** Ctrl-C and SIGTERM are no longer ours: the verb, or what it runs, listens itself. {@link signal} fires for them no more. */
  releaseInterrupts(): void;
}
