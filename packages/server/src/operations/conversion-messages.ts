import type { Credentials, Digest } from "@sluice/oci";
import type { AttemptFailure } from "./conversion-failure.js";

/** Where a converting process finds the image, and puts the artifact. */
export interface ConversionPlace {
  /** `HOST[:PORT]` */
  readonly host: string;
  readonly repository: string;
  /** For that host alone. */
  readonly credentials: Credentials | undefined;
  /** Undefined: as the registry client does by itself. */
  readonly plainHttp: boolean | undefined;
  /** Whether private addresses may be reached (see `addressRule`); undefined: whatever there is, at the registry's own door. */
  readonly allowPrivate: boolean | undefined;
}

/** What a converting process is told, once. Credentials are never an argument or in the environment: others could read them there. */
export interface ConversionJob extends ConversionPlace {
  readonly digest: Digest;
  readonly isForced: boolean;
  /** Absolute path: for temporary files and the cache of converted layers. */
  readonly folder: string;
  readonly threads: number;
}

/** What it tells while it runs, and last. */
export type ConversionMessage =
  | { readonly kind: "progress"; readonly fraction: number }
  | { readonly kind: "done"; readonly artifact: Digest }
  | { readonly kind: "failed"; readonly failure: AttemptFailure };
