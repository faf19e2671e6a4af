import { z } from "zod";
import {
  DeniedError,
  RateLimitedError,
  RegistryError,
  type RegistryErrorEntry,
  type RegistryErrorFacts,
  RegistryNotFoundError,
  RegistryUnavailableError,
  UnauthorizedError,
  UnexpectedReplyError,
} from "./errors.js";
import { nameOfRequest } from "./http-request.js";
import { cleanText } from "./redact.js";
import { parseRetryAfter } from "./retry.js";
import type { HttpResponse } from "./transport.js";

/** Error bodies are a few hundred bytes; a hostile one is not read further. */
const maxErrorBodyBytes = 64 * 1024;
const maxEntries = 5;

const errorBodySchema = z.object({
  errors: z.array(z.object({ code: z.unknown().optional(), message: z.unknown().optional() })).max(1000),
});

/** The status as an error of the class for its situation. Consumes the body. Rejects only with the caller's own abort reason. */
export async function errorOfResponse(response: HttpResponse, signal?: AbortSignal): Promise<RegistryError> {
  const { status } = response;
  const entries = await errorEntries(response);
  signal?.throwIfAborted();
  const said = entries.map((entry) => `${entry.code}: ${entry.message}`).join("; ");
  const problem = `the registry answered ${status}${said === "" ? "" : ` (${said})`}`;
  const facts = {
    request: requestName(response),
    status,
    entries,
    retryAfterMs: parseRetryAfter(response.header("retry-after")),
  };
  return errorOfStatus(status, problem, facts);
}

/** Method and redacted URL, for messages. */
export const requestName = (response: HttpResponse): string => nameOfRequest(response.request);

function errorOfStatus(status: number, problem: string, facts: RegistryErrorFacts): RegistryError {
  if (status === 401) return new UnauthorizedError(problem, facts);
  if (status === 403)
    return new DeniedError(problem, { ...facts, cure: "Check the rights of the account that is logged in" });
  if (status === 404)
    return new RegistryNotFoundError(problem, {
      ...facts,
      cure: "Check the name, the tag, and whether the account may see it",
    });
  if (status === 429) {
    return new RateLimitedError(problem, { ...facts, cure: "Log in to get a higher limit, or wait and try again" });
  }
  if (status === 408 || status === 425 || status >= 500) return new RegistryUnavailableError(problem, facts);
  return status >= 400 ? new RegistryError(problem, facts) : new UnexpectedReplyError(problem, facts);
}

async function errorEntries(response: HttpResponse): Promise<RegistryErrorEntry[]> {
  if (!(response.header("content-type") ?? "").includes("json")) {
    await response.body.discard();
    return [];
  }
  try {
    const bytes = await response.body.readAll(maxErrorBodyBytes);
    const { errors } = errorBodySchema.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
    return errors.slice(0, maxEntries).map(({ code, message }) => ({
      code: cleanText(typeof code === "string" ? code : "UNKNOWN"),
      message: cleanText(typeof message === "string" ? message : ""),
    }));
  } catch {
    return []; // the status says enough
  }
}
