/** One simple command of a script, its variables expanded as far as they are known. */
export type ShellCommand = readonly string[];

const maxLines = 5000;
const maxLineChars = 4096;
const maxValueChars = 4096;
const maxVariables = 2000;
const maxDepth = 4;

/** Words that stand before a command. */
const prefixes = new Set(
  "exec eval if then else elif do while until ! { ( command builtin export local readonly declare".split(" "),
);
const assignment = /^([A-Za-z_]\w*)=(.*)$/s;
const tests = /^(\[|\[\[|test|grep|command|which|type)$/;

/** The lines of a script, those that end in a backslash joined with the next. */
export const linesOf = (text: string): readonly string[] => text.replaceAll("\\\n", " ").split("\n", maxLines);

/**
 * The commands that a line of a shell script names, in the order of the text. It is no shell: all branches count, quotes, simple variables, `$@` and command
 * substitutions are understood, what is beyond them gives words that name nothing. What stands behind `||` counts only behind a test: elsewhere it is for failures.
 * Assignments change `variables`, but what is set stays unless it is added to: scripts have defaults for what is not set.
 *
 * @param args what `$0`, `$1`, … are
 */
export function commandsOfLine(
  line: string,
  args: readonly string[],
  variables: Map<string, string>,
  depth = 0,
): readonly ShellCommand[] {
  const text = line.slice(0, maxLineChars);
  const inner = [...text.matchAll(/\$\(([^()]*)\)|`([^`]*)`/g)].map(([, round, tick]) => round ?? tick ?? "");
  const commands =
    depth < maxDepth ? inner.flatMap((nested) => commandsOfLine(nested, args, variables, depth + 1)) : [];
  for (const words of simpleCommands(text)) {
    const start = words.findIndex((word) => !prefixes.has(word) && !assign(word, variables));
    const command = start === -1 ? [] : words.slice(start).flatMap((word) => expanded(word, args, variables));
    if (command.length > 0 && command[0] !== "") commands.push(command);
  }
  return commands;
}

/** Sets a variable if the word is an assignment, and tells whether it is. */
function assign(word: string, variables: Map<string, string>): boolean {
  const [, name, value = ""] = assignment.exec(word) ?? [];
  if (name === undefined) return false;
  const isUnknown = value.includes("`") || value.includes("$(");
  const isAddition = new RegExp(`\\$\\{?${name}\\b`).test(value);
  if (isUnknown || variables.size >= maxVariables || (variables.get(name) && !isAddition)) return true;
  variables.set(name, expand(value, [], variables));
  return true;
}

/** The words between the operators of a line, unquoted. */
function simpleCommands(line: string): string[][] {
  const commands: string[][] = [];
  let words: string[] = [];
  let isAfterFailure = false;
  const end = (): void => {
    if (words.length > 0 && !isAfterFailure) commands.push(words);
  };
  const token =
    /(\s+)|(\|\||&&|;;|[;&|()])|((?:"(?:[^"\\]|\\.)*"|'[^']*'|\$\{[^}]*\}|\$\([^)]*\)|`[^`]*`|\\.|[^\s;&|()"'\\`])+)|./gs;
  for (const [, , operator, word] of line.matchAll(token)) {
    if (word?.startsWith("#")) break;
    if (word !== undefined && !/^\d*[<>]/.test(word)) words.push(unquoted(word));
    if (operator === undefined) continue;
    end();
    const isTest = words.some((before) => tests.test(before));
    isAfterFailure = operator === "||" && !isTest && words.length > 0;
    words = [];
  }
  end();
  return commands;
}

const unquoted = (word: string): string =>
  word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/gs, (_, double?: string, single?: string, escaped?: string) =>
    double !== undefined ? double.replace(/\\(["$`\\])/g, "$1") : (single ?? escaped ?? ""),
  );

function expanded(word: string, args: readonly string[], variables: ReadonlyMap<string, string>): readonly string[] {
  if (/^\$[@*]$/.test(word)) return args.slice(1);
  return [expand(word, args, variables).replace(/^"(.*)"$/s, "$1")]; // quoted once more for `eval`
}

/** `$NAME`, `${NAME}` and `${NAME:-default}`; what is not known becomes nothing. */
function expand(word: string, args: readonly string[], variables: ReadonlyMap<string, string>): string {
  const variable = /\$(?:([A-Za-z_]\w*|\d)|\{([A-Za-z_]\w*|\d)(?::?([-=+])([^}]*))?[^}]*\})/g;
  const replaced = word.replace(variable, (_, plain?: string, braced?: string, operator?: string, other = "") => {
    const name = plain ?? braced ?? "";
    const value = /^\d$/.test(name) ? args[Number(name)] : variables.get(name);
    if (operator === "+") return value ? other : "";
    return value || other;
  });
  return replaced.slice(0, maxValueChars);
}
