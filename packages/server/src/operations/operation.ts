import type { ConversionErrorCode } from "@sluice/converter";
import type { Digest } from "@sluice/oci";

/** Words that clients of other registries know, too. */
export const operationStatuses = ["NotStarted", "Running", "Succeeded", "Failed", "Canceled"] as const;
type OperationStatus = (typeof operationStatuses)[number];

/** Who wanted it: somebody who asked, or a push or import into a repository where streaming is active. */
export const operationCauses = ["request", "push", "import"] as const;
type OperationCause = (typeof operationCauses)[number];

/** Why a conversion did not work out, for clients. docs/operations.md lists the codes. */
export interface OperationError {
  readonly code: ConversionErrorCode;
  readonly message: string;
}

/** One conversion of one image, from the moment it is wanted. Kept for a while after its end. */
export interface Operation {
  /** A UUID; later operations have later ones. */
  readonly id: string;
  readonly repository: string;
  /** Of the image that is converted; of an index, its linux/amd64 image. */
  readonly digest: Digest;
  /** The tag that it was asked for or pushed by. */
  readonly tag?: string | undefined;
  readonly cause: OperationCause;
  /** Convert again what was converted before. */
  readonly isForced: boolean;
  /** Name of the account that caused it; "" for nobody who logged in. */
  readonly caller: string;
  readonly status: OperationStatus;
  /** 0 to 100. */
  readonly progressPercent: number;
  /** Why it failed; while it goes on, why the last attempt did. */
  readonly error?: OperationError | undefined;
  /** Of the streaming artifact, once it can be listed. */
  readonly artifactDigest?: Digest | undefined;
  /** RFC 3339, as all times here. */
  readonly createdAt: string;
  readonly startedAt?: string | undefined;
  readonly finishedAt?: string | undefined;
  /** Attempts that were begun. */
  readonly attempts: number;
  /** Of them, those whose worker died: that says little about the image. None when it is left out. */
  readonly deaths?: number | undefined;
  /** No attempt before; after one that failed. */
  readonly notBefore?: string | undefined;
  /** The process that has it while it runs. */
  readonly worker?: string | undefined;
  /** Somebody wants it to end while it runs; the worker does it. */
  readonly isCancelRequested?: boolean | undefined;
}

/** Attempts that were begun and not ended by the death of their worker. */
export const ownAttempts = ({ attempts, deaths = 0 }: Pick<Operation, "attempts" | "deaths">): number =>
  attempts - deaths;

export const isOngoing = ({ status }: Pick<Operation, "status">): boolean =>
  status === "NotStarted" || status === "Running";
