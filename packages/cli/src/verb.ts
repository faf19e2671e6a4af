import type { Context } from "./context.js";
import type { ExitCode } from "./exit-codes.js";

/** The work of a verb: its context, its own flags and its arguments in. Nothing out means done. */
type VerbWork<Options, Arguments extends readonly unknown[]> = (
  context: Context,
  options: Options,
  ...args: Arguments
  // biome-ignore lint/suspicious/noConfusingVoidType: a verb that says nothing is done
) => Promise<ExitCode | void>;

/** Turns the work of a verb into what commander calls: it loads the settings, then does the work. */
export type Runner = <Options, Arguments extends readonly unknown[]>(
  work: VerbWork<Options, Arguments>,
) => (...given: unknown[]) => Promise<void>;

/** A verb whose words and flags may change in any version; the others are a contract. AS43 */
export const preview = (description: string): string => `[preview] ${description}`;

/** What stands at the end of a verb's help. */
export const examples = (...lines: readonly string[]): string =>
  `\n${lines.length === 1 ? "Example" : "Examples"}:\n${lines.map((line) => `  ${line}`).join("\n")}`;
