import type { Digest } from "@sluice/oci";
import type { AttemptFailure } from "./conversion-failure.js";

/** What a converting process is told, once. The password is never an argument or in the environment: others could read it there. */
export interface ConversionJob {
  /** `HOST:PORT` of the registry, which speaks plain HTTP there. */
  readonly host: string;
  readonly repository: string;
  readonly digest: Digest;
  readonly isForced: boolean;
  readonly username: string;
  readonly password: string;
  /** Absolute path: for temporary files and the cache of converted layers. */
  readonly folder: string;
  readonly threads: number;
}

/** What it tells while it runs, and last. */
export type ConversionMessage =
  | { readonly kind: "progress"; readonly fraction: number }
  | { readonly kind: "done"; readonly artifact: Digest }
  | { readonly kind: "failed"; readonly failure: AttemptFailure };
