import { setTimeout } from "node:timers/promises";
import type { Context } from "../context.js";
import { startProgress } from "../output/progress.js";
import { shortDigest } from "../output/quantities.js";
import { facts } from "../output/table.js";
import { type ApiFlags, callApi, registryHost } from "./registry-api.js";
import type { SelectedImage } from "./selected-image.js";

/** A conversion by the registry, as its API tells of it. */
export interface ApiOperation {
  readonly id: string;
  readonly repository: string;
  readonly digest: string;
  readonly tag?: string;
  readonly status: "NotStarted" | "Running" | "Succeeded" | "Failed" | "Canceled";
  readonly progressPercent: number;
  readonly error?: { readonly code: string; readonly message: string };
  readonly artifactDigest?: string;
  readonly createdAt: string;
  readonly startedAt?: string;
  readonly finishedAt?: string;
  readonly cause: "request" | "push" | "import";
}

/** There is none, or it is not in a state for what is wanted, or it did not come to a good end. */
export class OperationError extends Error {
  override readonly name = "OperationError";
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Between two looks; longer each time, up to the last, while nothing changes. Milliseconds. */
const [firstPauseMs, maxPauseMs] = [200, 5_000];

export const isOngoing = ({ status }: ApiOperation): boolean => status === "NotStarted" || status === "Running";

export const getOperation = async (context: Context, flags: ApiFlags, id: string): Promise<ApiOperation> =>
  await callApi<ApiOperation>(context, flags, "GET", `/operations/${encodeURIComponent(id)}`);

/** What the registry answers who asks for a conversion: an operation; or, without an id, the artifact that is there. */
export type RequestedOperation = ApiOperation & { readonly alreadyConverted: boolean };

export const requestOperation = async (
  context: Context,
  flags: ApiFlags,
  wish: { readonly repository: string; readonly reference: string; readonly force: boolean },
): Promise<RequestedOperation> => await callApi<RequestedOperation>(context, flags, "POST", "/operations", wish);

/** The last operation of an image. @throws {OperationError} when there is none, with the reason when its push was skipped */
export async function lastOperationOf(image: SelectedImage, flags: ApiFlags): Promise<ApiOperation> {
  const { context, repository, reference, name } = image;
  const query = new URLSearchParams({ repository, reference, n: "1" });
  const { operations } = await callApi<{ operations: ApiOperation[] }>(context, flags, "GET", `/operations?${query}`);
  const [last] = operations;
  if (last !== undefined) return last;
  const skipped = await skippedPushOf(image, flags);
  throw new OperationError("OPERATION_NOT_FOUND", `No operation found for image ${name}${skipped}`);
}

interface SkippedPush {
  readonly digest: string;
  readonly tag?: string;
  readonly code: string;
  readonly message: string;
}

async function skippedPushOf({ context, repository, reference }: SelectedImage, flags: ApiFlags): Promise<string> {
  const query = new URLSearchParams({ name: repository });
  const { skipped } = await callApi<{ skipped: SkippedPush[] }>(context, flags, "GET", `/repository?${query}`);
  const found = skipped.find(({ digest, tag }) => tag === reference || digest === reference);
  return found === undefined ? "" : `; when it was pushed it was skipped, ${found.code}: ${found.message}`;
}

/** Waits until an operation has come to an end, with a bar on a terminal. */
export async function endOfOperation(context: Context, flags: ApiFlags, begun: ApiOperation): Promise<ApiOperation> {
  const progress = await startProgress(context.output);
  try {
    let operation = begun;
    for (let pauseMs = firstPauseMs; isOngoing(operation); pauseMs = Math.min(pauseMs * 1.5, maxPauseMs)) {
      progress.update(operation.progressPercent / 100, `${operation.status}, ${shortDigest(operation.digest)}`);
      await setTimeout(pauseMs, undefined, { signal: context.signal });
      const next = await getOperation(context, flags, operation.id);
      if (next.progressPercent !== operation.progressPercent) pauseMs = firstPauseMs;
      operation = next;
    }
    return operation;
  } finally {
    progress.stop();
  }
}

/** How to look at an operation later. */
export const hintOf = (context: Context, { repository, id }: ApiOperation): string =>
  `sluice operation show --repository ${repository} --id ${id} --registry ${registryHost(context)}`;

export function describeOperation(operation: ApiOperation): string {
  const { id, repository, tag, digest, status, progressPercent, cause, artifactDigest, error } = operation;
  return facts([
    ["ID", id],
    ["IMAGE", `${repository}${tag === undefined ? "" : `:${tag}`} (${digest})`],
    ["STATUS", status],
    ["PROGRESS", `${progressPercent} %`],
    ["CAUSE", cause],
    ["ARTIFACT", artifactDigest],
    ["ERROR", error && `${error.code}: ${error.message}`],
    ["CREATED", operation.createdAt],
    ["STARTED", operation.startedAt],
    ["FINISHED", operation.finishedAt],
  ]);
}
