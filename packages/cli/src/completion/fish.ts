import type { CommandWords } from "./words.js";

/** A script for fish: one `complete` line a word, shown after the words that lead to it. */
export function fishScript(tree: readonly CommandWords[]): string {
  const lines = tree.flatMap(({ path, commands, flags }) => {
    const condition = `-n '__sluice_at ${path === "" ? '""' : `"${path}"`}'`;
    return [
      ...commands.map(
        ({ word, description }) => `complete -c sluice -f ${condition} -a ${word} -d ${quoted(description)}`,
      ),
      ...flags.map((flag) => {
        const short = flag.short === undefined ? "" : ` -s ${flag.short}`;
        const value = flag.takesValue
          ? flag.choices.length > 0
            ? ` -x -a ${quoted(flag.choices.join(" "))}`
            : " -r"
          : "";
        return `complete -c sluice ${condition} -l ${flag.word.slice(2)}${short}${value} -d ${quoted(flag.description)}`;
      }),
    ];
  });
  const paths = tree.map(({ path }) => quoted(path)).join(" ");
  return `function __sluice_at
  set -l path ""
  for word in (commandline -opc)[2..-1]
    string match -q -- '-*' $word; and continue
    set -l longer (string trim -- "$path $word")
    contains -- $longer ${paths}; and set path $longer
  end
  test "$path" = "$argv[1]"
end
${lines.join("\n")}`;
}

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
