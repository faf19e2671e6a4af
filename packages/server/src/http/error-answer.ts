import { RegistryError, type RegistryErrorCode } from "../registry/registry-error.js";
import type { Answer } from "./answer.js";

/** The answer to a request that failed: `{"errors":[{code, message, detail}]}` of the distribution specification. */
export function errorAnswer(error: unknown): Answer {
  const refusal = error instanceof RegistryError ? error : refusalOf(error);
  const { code, message, detail, status, headers } = refusal;
  return {
    status,
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify({ errors: [{ code, message, ...(detail !== undefined && { detail }) }] }),
  };
}

/** Whether it was our own fault and belongs into the log. */
export const isFault = (answer: Answer): boolean => answer.status >= 500;

/** What is not a refusal of ours: of the HTTP layer below, or a fault, whose words stay in the log. */
function refusalOf(error: unknown): RegistryError {
  const { statusCode, code } = error as { statusCode?: unknown; code?: unknown }; // both are looked at before use
  if (typeof statusCode === "number" && statusCode >= 400 && statusCode < 500 && error instanceof Error) {
    return new RegistryError(codeOfStatus(statusCode), error.message, undefined, { status: statusCode });
  }
  if (code === "NO_SPACE" || code === "ENOSPC") {
    return new RegistryError("UNKNOWN", "the registry's disk is full; free some space and try again", undefined, {
      status: 507,
    });
  }
  return new RegistryError("UNKNOWN", "the registry failed; its log says why");
}

function codeOfStatus(status: number): RegistryErrorCode {
  if (status === 413) return "SIZE_INVALID";
  return status === 404 ? "NAME_UNKNOWN" : "UNSUPPORTED";
}
