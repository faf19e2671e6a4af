import { printable } from "./printable.js";
import { isSystemError, meaningOf } from "./system-error.js";

/** An error as the caller sees it: `{"error":{…}}` under `-o json`, else one line. */
export interface Failure {
  /** Stable, upper case with underscores. */
  readonly code: string;
  /** One line: what, where, how to mend it. */
  readonly message: string;
  /** The facts of the error by name; null when it has none. */
  readonly detail: Readonly<Record<string, unknown>> | null;
}

/** Fields every error has, or that say nothing to a caller. */
const notFacts = new Set(["name", "code", "message", "stack", "cause", "errors"]);
/** Secrets never leave, whatever error carries them. */
const secretName = /(password|secret|token|authorization|cookie|credential)/i;
const longestChain = 4;

export function failureOf(error: unknown): Failure {
  if (!(error instanceof Error)) return { code: "UNKNOWN", message: oneLine(String(error)), detail: null };
  return { code: codeOf(error), message: messageOf(error), detail: detailOf(error) };
}

function codeOf(error: Error): string {
  const code = "code" in error ? error.code : undefined;
  return typeof code === "string" && code !== "" ? code : "UNKNOWN";
}

/** The message with those of its causes behind it, unless they repeat what was said. */
function messageOf(error: Error): string {
  const meaning = isSystemError(error) ? meaningOf(error) : undefined;
  let message = meaning === undefined ? error.message || error.name : `${meaning} (${error.message})`;
  let cause = error.cause;
  for (let depth = 0; depth < longestChain && cause instanceof Error; depth++) {
    if (cause.message !== "" && !message.includes(cause.message)) message += `: ${cause.message}`;
    cause = cause.cause;
  }
  return oneLine(message);
}

function detailOf(error: Error): Failure["detail"] {
  // Errors that another process has told carry its facts as they are.
  const own = "detail" in error && isPlainObject(error.detail) ? error.detail : {};
  const facts = Object.entries({ ...error, detail: undefined, ...own }).filter(
    ([name, value]) => !notFacts.has(name) && !secretName.test(name) && isFact(value),
  );
  return facts.length === 0 ? null : Object.fromEntries(facts.map(([name, value]) => [name, plain(value)]));
}

const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

function isFact(value: unknown): boolean {
  return value !== undefined && typeof value !== "function" && typeof value !== "symbol" && !(value instanceof Error);
}

/** JSON knows no bigint; and an object that JSON refuses (a cycle) is told by name only. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object" || value === null) return value;
  try {
    return JSON.parse(JSON.stringify(value));
  } catch {
    return String(value);
  }
}

const oneLine = (text: string): string => printable(text.replace(/\s*[\r\n]+\s*/g, "; ")).trim();
