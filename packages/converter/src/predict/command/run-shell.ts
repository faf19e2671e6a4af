import type { Prediction } from "../prediction.js";
import { addCopied } from "./copied-files.js";
import type { RunState } from "./run-state.js";
import { commandsOfLine, linesOf, type ShellCommand } from "./shell-script.js";

const maxScriptBytes = 128 * 1024;
const maxScripts = 32;
/** Commands of the shell itself, although there are programs of these names. */
const builtins = new Set(
  "[ [[ test echo printf kill true false pwd cd set read shift return trap umask wait ulimit unset type fi done esac".split(
    " ",
  ),
);
/** Programs that copy or print the files that they are given, directories too. */
const copying = new Set("cp cat sed awk install".split(" "));

/** Predicts what a shell reads with these arguments: its script, and what the commands in that read. */
export async function runShell(args: readonly string[], prediction: Prediction, state: RunState): Promise<void> {
  const variables = new Map(state.environment);
  const option = args.findIndex((word) => /^-\w*c$/.test(word));
  if (option !== -1) return await runText(args[option + 1] ?? "", args.slice(option + 2), variables, prediction, state);
  const script = args.findIndex((word) => !/^[-+]/.test(word));
  if (script !== -1) await runScript(args.slice(script), variables, prediction, state);
}

/** @param args the path of the script first */
async function runScript(
  args: readonly string[],
  variables: Map<string, string>,
  prediction: Prediction,
  state: RunState,
): Promise<void> {
  const { files, set, workingDirectory } = prediction;
  const inode = files.findFile(args[0] ?? "", workingDirectory);
  if (inode === -1 || state.scripts.has(inode) || state.scripts.size >= maxScripts) return;
  state.scripts.add(inode);
  const text = await files.readText(inode, maxScriptBytes);
  if (text === undefined) return;
  set.addFile(inode);
  await runText(text, args, variables, prediction, state);
}

async function runText(
  text: string,
  args: readonly string[],
  variables: Map<string, string>,
  prediction: Prediction,
  state: RunState,
): Promise<void> {
  const inner = { ...state, environment: variables };
  for (const line of linesOf(text)) {
    for (const command of commandsOfLine(line, args, variables)) await runSimple(command, variables, prediction, inner);
  }
}

async function runSimple(
  command: ShellCommand,
  variables: Map<string, string>,
  prediction: Prediction,
  state: RunState,
): Promise<void> {
  const [name = "", ...rest] = command;
  if (builtins.has(name)) return;
  if (name === "." || name === "source") return await runScript(rest, variables, prediction, state);
  await state.run(command, prediction, state);
  if (copying.has(name)) for (const word of rest) addCopied(word, prediction);
}
