/** One entry of a registry's error body (distribution specification, "Error Codes"), cleaned. */
export interface RegistryErrorEntry {
  readonly code: string;
  readonly message: string;
}

/** The facts of a failed request. Texts are redacted: no credentials, no signed URLs. */
export interface RegistryErrorFacts {
  /** Method and redacted URL. */
  readonly request: string;
  readonly status?: number | undefined;
  readonly entries?: readonly RegistryErrorEntry[] | undefined;
  /** What the reader can do about it. A sentence. */
  readonly cure?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** A request to a registry failed. The message holds situation and cure; the class and `code` say which situation. */
export class RegistryError extends Error {
  override readonly name: string = "RegistryError";
  readonly code: string = "REGISTRY";
  /** Whether the same request may well succeed a moment later. */
  readonly retryable: boolean = false;
  readonly request: string;
  readonly status: number | undefined;
  readonly entries: readonly RegistryErrorEntry[];
  readonly cure: string | undefined;
  readonly retryAfterMs: number | undefined;
  constructor(problem: string, facts: RegistryErrorFacts) {
    const cure = facts.cure === undefined ? "" : `. ${facts.cure}`;
    super(`${facts.request}: ${problem}${cure}`, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.request = facts.request;
    this.status = facts.status;
    this.entries = facts.entries ?? [];
    this.cure = facts.cure;
    this.retryAfterMs = facts.retryAfterMs;
  }
}

/** 401, after credentials were tried or none were found. Retryable where the same ones were good before. */
export class UnauthorizedError extends RegistryError {
  override readonly name = "UnauthorizedError";
  override readonly code = "UNAUTHORIZED";
  override readonly retryable: boolean;
  constructor(problem: string, facts: RegistryErrorFacts, retryable = false) {
    super(problem, facts);
    this.retryable = retryable;
  }
}

/** 403: who we are may not do this. */
export class DeniedError extends RegistryError {
  override readonly name = "DeniedError";
  override readonly code = "DENIED";
}

/** 404. */
export class RegistryNotFoundError extends RegistryError {
  override readonly name = "RegistryNotFoundError";
  override readonly code = "NOT_FOUND";
}

/** 429, and waiting did not help or would take too long. */
export class RateLimitedError extends RegistryError {
  override readonly name = "RateLimitedError";
  override readonly code = "TOO_MANY_REQUESTS";
  override readonly retryable = true;
}

/** 408 and 5xx: the registry is in trouble. */
export class RegistryUnavailableError extends RegistryError {
  override readonly name = "RegistryUnavailableError";
  override readonly code = "UNAVAILABLE";
  override readonly retryable = true;
}

/** No connection, or it broke: refused, reset, unknown host, TLS. */
export class RegistryUnreachableError extends RegistryError {
  override readonly name = "RegistryUnreachableError";
  override readonly code = "UNREACHABLE";
  override readonly retryable: boolean;
  constructor(problem: string, facts: RegistryErrorFacts, retryable = true) {
    super(problem, facts);
    this.retryable = retryable;
  }
}

/** An attempt's own deadline passed: no headers, or the body stood still. */
export class RegistryTimeoutError extends RegistryError {
  override readonly name = "RegistryTimeoutError";
  override readonly code = "TIMEOUT";
  override readonly retryable = true;
}

/** The body ended early. Asking again for the rest may help. */
export class ShortBodyError extends RegistryError {
  override readonly name = "ShortBodyError";
  override readonly code = "SHORT_BODY";
  override readonly retryable = true;
}

/** The registry answered something that the specification does not allow here: HTML for JSON, a wrong Content-Range, an odd status. */
export class UnexpectedReplyError extends RegistryError {
  override readonly name = "UnexpectedReplyError";
  override readonly code = "UNEXPECTED_REPLY";
}

/** The registry answers ranged requests with whole blobs, and the range lies too far in to cut it out. */
export class RangeIgnoredError extends RegistryError {
  override readonly name = "RangeIgnoredError";
  override readonly code = "RANGE_IGNORED";
}

/** A redirect that must not be followed: not HTTP, from HTTPS to HTTP, without a target, or one too many. */
export class RedirectRefusedError extends RegistryError {
  override readonly name = "RedirectRefusedError";
  override readonly code = "REDIRECT_REFUSED";
}
