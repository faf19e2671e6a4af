import { z } from "zod";

/** A JSON document from outside is not what it must be. The message names the document and the field. */
export class InvalidDocumentError extends Error {
  override readonly name = "InvalidDocumentError";
  readonly code = "INVALID_DOCUMENT";
}

/** Problems named in one message; a hostile document can have thousands. */
const maxProblemsNamed = 3;

/**
 * Bytes → checked value. Refuses bytes that are not UTF-8.
 *
 * @param what names the document in errors, such as `manifest sha256:… of host/repo`
 * @throws {InvalidDocumentError}
 */
export function parseJsonDocument<T>(bytes: Uint8Array, schema: z.ZodType<T>, what: string): T {
  const result = schema.safeParse(parseJson(bytes, what));
  if (result.success) return result.data;
  throw new InvalidDocumentError(`${what}: ${describe(result.error.issues)}`, { cause: result.error });
}

/** Objects and lists in one another, at most. Real documents have about ten; an engine that parses millions of them may run out of stack later. */
const maxDepth = 100;

/** @throws {InvalidDocumentError} if `bytes` are not JSON in UTF-8, or nested deeper than any real document */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  if (isTooDeep(bytes))
    throw new InvalidDocumentError(`${what}: more than ${maxDepth} objects or lists in one another`);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw new InvalidDocumentError(`${what}: not JSON, it starts with ${JSON.stringify(startOf(bytes))}`, {
      cause: error,
    });
  }
}

/** Asked before it is parsed. Braces and brackets of ASCII are never part of another character in UTF-8. */
function isTooDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  for (let at = 0; at < bytes.byteLength; at++) {
    const byte = bytes[at];
    if (byte === quote) at = endOfString(bytes, at + 1);
    else if (byte === 0x7b || byte === 0x5b) depth++;
    else if (byte === 0x7d || byte === 0x5d) depth--;
    if (depth > maxDepth) return true;
  }
  return false;
}

/** Where the quote is that ends the string, or the document. */
function endOfString(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.byteLength && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1;
  return at;
}

const [quote, backslash] = [0x22, 0x5c];

const startOf = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 40)).toString("latin1");

function describe(issues: readonly z.core.$ZodIssue[]): string {
  const named = issues.slice(0, maxProblemsNamed).map((issue) => {
    const path = issue.path.map(String).join(".").slice(0, 200);
    return path === "" ? issue.message : `${path}: ${issue.message}`;
  });
  const more = issues.length - named.length;
  return named.join("; ") + (more > 0 ? `; and ${more} more` : "");
}

/** Optional, and `null` counts as absent: Go programs write both. */
export function optional<T>(schema: z.ZodType<T>): z.ZodType<T | undefined> {
  return schema.nullish().transform((value) => value ?? undefined);
}

/** A list, absent or `null` when empty; at most `maxItems`. */
export function listOf<T>(schema: z.ZodType<T>, maxItems: number): z.ZodType<T[]> {
  return z
    .array(schema)
    .max(maxItems)
    .nullish()
    .transform((items) => items ?? []);
}
