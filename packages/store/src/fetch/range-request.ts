import type { ByteRange, Digest } from "@sluice/oci";
import type { FetchCause } from "./fetch-request.js";
import type { Flight } from "./flight.js";

/** One ranged request and the chunks it is to bring, in the order of their frames. */
export interface RangeRequest {
  readonly blob: Digest;
  readonly range: ByteRange;
  readonly cause: FetchCause;
  readonly flights: Flight[];
  /** Fires when nobody wants any of its chunks. */
  readonly stop: AbortController;
  /** Once it has, its chunks come, and moving them to a more urgent request would fetch them twice. */
  started: boolean;
}
