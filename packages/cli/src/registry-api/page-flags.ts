import { type Command, InvalidArgumentError } from "commander";
import type { ApiFlags } from "./registry-api.js";

/** Which part of a long list a verb shows. */
export interface PageFlags extends ApiFlags {
  readonly limit?: number;
  readonly after?: string;
}

/** The flags of verbs that show long lists, from the last to the first. */
export const withPageFlags = (command: Command): Command =>
  command
    .option("--limit <n>", "how many (default: 100)", countOf)
    .option("--after <id>", "those behind the one that the list before ended with");

/** As the registry's API has it. */
export function pageQuery({ after, limit }: PageFlags): URLSearchParams {
  const query = new URLSearchParams();
  if (limit !== undefined) query.set("limit", String(limit));
  if (after !== undefined) query.set("after", after);
  return query;
}

function countOf(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError("expected a number");
  return Number(text);
}
