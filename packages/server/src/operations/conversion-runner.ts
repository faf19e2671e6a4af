import type { AbortOptions, Digest } from "@sluice/oci";
import type { Operation } from "./operation.js";

export interface RunOptions extends AbortOptions {
  /** 0 to 1. */
  readonly onProgress: (fraction: number) => void;
}

/** Does the conversion of an operation. */
export interface ConversionRunner {
  /**
   * Converts, and pushes the artifact. When it rejects, also for an abort, nothing of it goes on and no upload of it is open.
   * @returns the artifact's digest @throws {ConversionFailedError}
   */
  run(operation: Operation, options: RunOptions): Promise<Digest>;
}
