import { listAt, type Members, membersOf, optionalTextAt, textAt } from "./document.js";
import type { Registry } from "./registry.js";

/** A push that would have been converted if the image were one that can be. */
interface SkippedPush {
  readonly digest: string;
  readonly tag: string | undefined;
  readonly reason: string;
  /** RFC 3339 */
  readonly time: string;
}

/** Whether what is pushed into a repository is converted by itself. */
export interface AutoConversion {
  readonly isActive: boolean;
  /** The newest first. */
  readonly skipped: readonly SkippedPush[];
}

export async function readAutoConversion(
  registry: Registry,
  repository: string,
  signal: AbortSignal,
): Promise<AutoConversion> {
  return autoConversionOf((await registry.get(pathOf(repository), signal)).document);
}

/** For what is pushed from now on. */
export async function setAutoConversion(
  registry: Registry,
  repository: string,
  isActive: boolean,
): Promise<AutoConversion> {
  const { document } = await registry.send("PATCH", pathOf(repository), {
    streaming: isActive ? "Active" : "Inactive",
  });
  return autoConversionOf(document);
}

const pathOf = (repository: string): string => `/api/v1/repository?${new URLSearchParams({ name: repository })}`;

function autoConversionOf(value: unknown): AutoConversion {
  const members = membersOf(value, "the repository");
  return {
    isActive: textAt(members, "streaming") === "Active",
    skipped: listAt(members, "skipped").map((push) => skippedOf(membersOf(push, "a skipped push"))),
  };
}

const skippedOf = (push: Members): SkippedPush => ({
  digest: textAt(push, "digest"),
  tag: optionalTextAt(push, "tag"),
  reason: `${textAt(push, "code")}: ${textAt(push, "message")}`,
  time: textAt(push, "time"),
});
