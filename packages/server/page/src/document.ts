/** The registry answered something that this page does not understand. */
export class AnswerError extends Error {
  override readonly name = "AnswerError";
}

/** A JSON object, whose members are looked at one by one. */
export type Members = Readonly<Record<string, unknown>>;

/** @throws {AnswerError} when it is none */
export function membersOf(value: unknown, what: string): Members {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Members; // looked at here
  throw new AnswerError(`${what} is no object`);
}

/** @throws {AnswerError} when it is missing or no string */
export function textAt(members: Members, name: string): string {
  const value = members[name];
  if (typeof value === "string") return value;
  throw new AnswerError(`${name} is no text`);
}

export function optionalTextAt(members: Members, name: string): string | undefined {
  return members[name] === undefined ? undefined : textAt(members, name);
}

/** A size, a count, a percentage. @throws {AnswerError} when it is missing, no number, or below 0 */
export function numberAt(members: Members, name: string): number {
  const value = members[name];
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw new AnswerError(`${name} is no number`);
}

/** A list, or nothing. @throws {AnswerError} when it is something else */
export function listAt(members: Members, name: string): readonly unknown[] {
  const value = members[name] ?? [];
  if (Array.isArray(value)) return value as readonly unknown[]; // looked at here
  throw new AnswerError(`${name} is no list`);
}
