import type { Command } from "commander";

/** What may follow a command: one line of the tree that a completion script carries. */
export interface CommandWords {
  /** The words that lead here, the program's name left out: `config set`. Empty for the program itself. */
  readonly path: string;
  readonly commands: readonly Word[];
  readonly flags: readonly FlagWord[];
}

interface Word {
  readonly word: string;
  readonly description: string;
}

interface FlagWord extends Word {
  /** One letter, if there is one. */
  readonly short: string | undefined;
  readonly takesValue: boolean;
  /** The only values it takes; empty when any will do. */
  readonly choices: readonly string[];
}

/** Every command of `program`, itself first, each with the flags it takes (the program's own included). */
export function wordsOf(program: Command): readonly CommandWords[] {
  return wordsBelow(program, "", []);
}

function wordsBelow(command: Command, path: string, inherited: readonly FlagWord[]): readonly CommandWords[] {
  const help = command.createHelp();
  const commands = help.visibleCommands(command);
  const flags = [...flagsOf(command), ...inherited];
  const own: CommandWords = {
    path,
    commands: commands.map((child) => ({ word: child.name(), description: child.description() })),
    flags,
  };
  // `help` is commander's own and has nothing below it.
  const below = command.commands.flatMap((child) => wordsBelow(child, `${path} ${child.name()}`.trim(), flags));
  return [own, ...below];
}

function flagsOf(command: Command): readonly FlagWord[] {
  return command.options.flatMap((option) =>
    option.hidden || option.long === undefined
      ? []
      : [
          {
            word: option.long,
            short: option.short?.slice(1),
            description: option.description,
            takesValue: option.required || option.optional,
            choices: option.argChoices ?? [],
          },
        ],
  );
}
