import { AnswerError, listAt, type Members, membersOf, numberAt, optionalTextAt, textAt } from "./document.js";
import type { Page, Registry } from "./registry.js";

/** One conversion of one image, from the moment it is wanted. */
export interface Operation {
  readonly id: string;
  readonly repository: string;
  /** Of the image that is converted. */
  readonly digest: string;
  readonly tag: string | undefined;
  /** `NotStarted`, `Running`, `Succeeded`, `Failed` or `Canceled`. */
  readonly status: string;
  /** 0 to 100. */
  readonly progressPercent: number;
  /** Why it failed; while it goes on, why the last attempt did. */
  readonly error: string | undefined;
  /** Of the streaming artifact, once it can be listed. */
  readonly artifactDigest: string | undefined;
  /** RFC 3339 */
  readonly createdAt: string;
  readonly finishedAt: string | undefined;
  /** `request`, `push` or `import`. */
  readonly cause: string;
  readonly isCancelRequested: boolean;
}

export const isOngoing = ({ status }: Operation): boolean => status === "NotStarted" || status === "Running";

/** Which operations are listed; all that is left out matches. */
export interface OperationFilter {
  readonly repository?: string;
  /** Of the image; goes with `repository`. */
  readonly digest?: string;
}

/** The newest first. */
export async function listOperations(
  registry: Registry,
  { repository, digest }: OperationFilter,
  from: string | undefined,
  signal: AbortSignal,
): Promise<Page<Operation>> {
  const query = new URLSearchParams({
    n: `${operationsAtOnce}`,
    ...(repository !== undefined && { repository }),
    ...(digest !== undefined && { reference: digest }),
  });
  const path = from ?? `/api/v1/operations?${query}`;
  const { document } = await registry.get(path, signal);
  const items = listAt(membersOf(document, "the list of operations"), "operations").map(operationOf);
  const last = items.at(-1);
  if (last === undefined || items.length < operationsAtOnce) return { items, next: undefined };
  query.set("last", last.id);
  return { items, next: `/api/v1/operations?${query}` };
}

const operationsAtOnce = 25;

export async function readOperation(registry: Registry, id: string, signal: AbortSignal): Promise<Operation> {
  return operationOf((await registry.get(pathOf(id), signal)).document);
}

/** Asks for a streaming artifact; which operation makes it, if it is not there already, the list of operations says. */
export async function requestConversion(registry: Registry, repository: string, reference: string): Promise<void> {
  await registry.send("POST", "/api/v1/operations", { repository, reference });
}

/** One that runs ends a moment later. */
export async function cancelOperation(registry: Registry, id: string): Promise<Operation> {
  return operationOf((await registry.send("POST", `${pathOf(id)}/cancel`)).document);
}

/** @throws {AnswerError} when the registry named an operation by what would lead to another path */
function pathOf(id: string): string {
  if (!/^[0-9a-f-]{1,100}$/i.test(id)) throw new AnswerError("an operation has an id that is none");
  return `/api/v1/operations/${id}`;
}

function operationOf(value: unknown): Operation {
  const members = membersOf(value, "an operation");
  return {
    id: textAt(members, "id"),
    repository: textAt(members, "repository"),
    digest: textAt(members, "digest"),
    tag: optionalTextAt(members, "tag"),
    status: textAt(members, "status"),
    progressPercent: numberAt(members, "progressPercent"),
    error: errorText(members["error"]),
    artifactDigest: optionalTextAt(members, "artifactDigest"),
    createdAt: textAt(members, "createdAt"),
    finishedAt: optionalTextAt(members, "finishedAt"),
    cause: textAt(members, "cause"),
    isCancelRequested: members["isCancelRequested"] === true,
  };
}

function errorText(error: unknown): string | undefined {
  if (error === undefined) return undefined;
  const members: Members = membersOf(error, "the error of an operation");
  return `${textAt(members, "code")}: ${textAt(members, "message")}`;
}
