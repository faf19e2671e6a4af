import { z } from "zod";
import type { ErrorBody } from "./api.js";

/** What an error becomes on the wire. `expected`: it has a code, so its message is meant for people; else it is a fault of ours. */
export interface ErrorAnswer {
  readonly status: number;
  readonly body: ErrorBody;
  readonly expected: boolean;
}

/** The error's own `code`, and `cure` or `holders` where it has them, go to the caller; a stack never does. */
export function answerOfError(error: unknown): ErrorAnswer {
  if (error instanceof z.ZodError) {
    const message = error.issues.map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`).join("; ");
    return answer(400, "INVALID_REQUEST", message, undefined, true);
  }
  if (!(error instanceof Error)) return answer(500, "INTERNAL", String(error), undefined, false);
  if (isFromFastify(error)) return answer(error.statusCode, "INVALID_REQUEST", error.message, undefined, true);
  if (!hasCode(error)) return answer(500, "INTERNAL", error.message, undefined, false);
  return answer(422, error.code, error.message, detailOf(error), true);
}

const answer = (
  status: number,
  code: string,
  message: string,
  detail: Readonly<Record<string, unknown>> | undefined,
  expected: boolean,
): ErrorAnswer => ({ status, expected, body: { error: { code, message, ...(detail && { detail }) } } });

const hasCode = (error: Error): error is Error & { code: string } => "code" in error && typeof error.code === "string";

const isFromFastify = (error: Error): error is Error & { statusCode: number } =>
  hasCode(error) && error.code.startsWith("FST_") && "statusCode" in error && typeof error.statusCode === "number";

function detailOf(error: Error): Readonly<Record<string, unknown>> | undefined {
  const facts = ["cure", "holders"].flatMap((name) => {
    const value: unknown = (error as unknown as Record<string, unknown>)[name]; // any field may be asked for
    return value === undefined ? [] : [[name, value] as const];
  });
  return facts.length > 0 ? Object.fromEntries(facts) : undefined;
}
