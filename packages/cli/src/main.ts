import { Command, CommanderError } from "commander";
import { type ConfigTree, withValue } from "./config/config-tree.js";
import type { Context } from "./context.js";
import { InterruptedError, OutputClosedError, ReportedFailure, UsageError } from "./errors.js";
import { type ExitCode, exitCodes } from "./exit-codes.js";
import { Output, type OutputFormat } from "./output/output.js";
import { createProgram } from "./program.js";
import { type Stop, watchForStop } from "./stop.js";
import { type Surroundings, surroundingsOfProcess } from "./surroundings.js";
import type { Runner } from "./verb.js";

/** The flags that every verb takes. */
interface GlobalFlags {
  readonly output: OutputFormat;
  readonly quiet?: boolean;
  readonly logLevel?: string;
  readonly config?: string;
  readonly root?: string;
  readonly registry?: string;
}

/**
 * Runs one command line: `args` are the words behind the program's name. Never throws: what goes wrong is told on stderr.
 * @returns the exit code, see {@link exitCodes}
 */
export async function main(
  args: readonly string[],
  surroundings: Surroundings = surroundingsOfProcess(),
): Promise<ExitCode> {
  using stop = watchForStop(surroundings);
  let exitCode: ExitCode = exitCodes.done;
  let withStacks = false;
  const runner: Runner =
    (work) =>
    async (...given) => {
      const { command, options, rest } = parted(given);
      const context = await contextOf(command.optsWithGlobals(), surroundings, stop);
      withStacks = ["debug", "trace"].includes(context.settings.logLevel ?? "");
      stop.signal.throwIfAborted();
      // Commander hands over what the verb declared: as many arguments, flags of those names.
      exitCode = (await work(context, options as never, ...(rest as unknown as never))) ?? exitCodes.done;
    };
  const program = createProgram(runner);
  quieten(program, surroundings, wantsJson(args));
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    const output = new Output(surroundings.stdout, surroundings.stderr, wantsJson(args) ? "json" : "table", false);
    return report(stop.signal.aborted ? stop.signal.reason : error, output, withStacks);
  }
}

/** Commander calls an action with the arguments, then the flags, then the command itself. */
function parted(given: unknown[]): { command: Command; options: unknown; rest: unknown[] } {
  const command = given.at(-1);
  if (!(command instanceof Command)) throw new TypeError("commander called an action without its command");
  return { command, options: given.at(-2), rest: given.slice(0, -2) };
}

async function contextOf(flags: GlobalFlags, surroundings: Surroundings, stop: Stop): Promise<Context> {
  const { loadSettings } = await import("./config/settings.js");
  const settings = await loadSettings({ config: flags.config, tree: treeOf(flags) }, surroundings);
  const output = new Output(surroundings.stdout, surroundings.stderr, flags.output, flags.quiet === true);
  return {
    settings,
    output,
    surroundings,
    signal: stop.signal,
    releaseInterrupts: stop.releaseInterrupts,
    log: async (level) => {
      const { createLog } = await import("./output/log.js");
      return createLog(settings.logLevel ?? level, surroundings.stderr);
    },
  };
}

function treeOf(flags: GlobalFlags): ConfigTree {
  const set: readonly (readonly [path: readonly string[], value: string | undefined])[] = [
    [["root"], flags.root],
    [["log", "level"], flags.logLevel],
    [["defaults", "registry"], flags.registry],
  ];
  return set.reduce<ConfigTree>(
    (tree, [path, value]) => (value === undefined ? tree : withValue(tree, path, value)),
    {},
  );
}

/** Help goes to our streams, nothing ends the process, and errors are told by us, once and in one form. */
function quieten(program: Command, surroundings: Surroundings, isJson: boolean): void {
  const configure = (command: Command): void => {
    command.exitOverride().configureOutput({
      writeOut: (text) => surroundings.stdout.write(text),
      writeErr: (text) => {
        if (!isJson) surroundings.stderr.write(text);
      },
      outputError: () => {},
    });
    for (const child of command.commands) configure(child);
  };
  configure(program);
}

function report(error: unknown, output: Output, withStacks: boolean): ExitCode {
  if (error instanceof OutputClosedError) return exitCodes.done;
  if (error instanceof ReportedFailure) return exitCodes.failed;
  if (error instanceof CommanderError) return reportUsage(error, output);
  output.failure(error, withStacks);
  if (error instanceof InterruptedError) return exitCodes.interrupted;
  return isWrongUsage(error) ? exitCodes.usage : exitCodes.failed;
}

/** Words that a package below could not make sense of. */
const usageCodes: ReadonlySet<unknown> = new Set(["INVALID_REFERENCE", "INVALID_VOLUME", "LISTEN_ADDRESS_INVALID"]);

const isWrongUsage = (error: unknown): boolean =>
  error instanceof UsageError || (error instanceof Error && "code" in error && usageCodes.has(error.code));

/** Commander throws for help and version too; those have been printed and are no error. */
function reportUsage(error: CommanderError, output: Output): ExitCode {
  if (error.exitCode === 0) return exitCodes.done;
  // A command without a verb: commander has printed its help on stderr already.
  if (error.code !== "commander.help")
    output.failure(new UsageError(`${error.message.replace(/^error: /, "")} (see --help)`));
  else if (output.format === "json") output.failure(new UsageError("a verb is missing (see --help)"));
  return exitCodes.usage;
}

/** Asked before parsing, because what goes wrong in parsing must be told in the form that was asked for. */
function wantsJson(args: readonly string[]): boolean {
  const own = ownWords(args);
  return own.some(
    (word, at) =>
      word === "-ojson" ||
      word === "--output=json" ||
      ((word === "-o" || word === "--output") && own[at + 1] === "json"),
  );
}

/** The words before `--`: those behind it belong to the container. */
function ownWords(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end < 0 ? args : args.slice(0, end);
}
