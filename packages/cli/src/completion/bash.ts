import type { CommandWords } from "./words.js";

/** A script for bash ≥ 4: the words of the command so far choose the next ones; where a value is due, files are offered. */
export function bashScript(tree: readonly CommandWords[]): string {
  const branches = tree.map(({ path, commands, flags }) => {
    const words = [...commands, ...flags].map(({ word }) => word).join(" ");
    const valued = flags.filter((flag) => flag.takesValue).flatMap((flag) => names(flag));
    return `    "${path}") words="${words}"; valued=" ${valued.join(" ")} ";;`;
  });
  const choices = new Map(
    tree.flatMap(({ flags }) =>
      flags.filter((flag) => flag.choices.length > 0).map((flag) => [names(flag).join("|"), flag]),
    ),
  );
  const choiceLines = [...choices].map(
    ([pattern, flag]) =>
      `    ${pattern}) COMPREPLY=($(compgen -W "${flag.choices.join(" ")}" -- "$current")); return;;`,
  );
  const paths = tree.map(({ path }) => `"${path}"`).join("|");
  return `_sluice_words() {
  case "$1" in
${branches.join("\n")}
    *) return 1;;
  esac
}
_sluice() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path="" words="" valued="" at word longer
  _sluice_words ""
  for ((at = 1; at < COMP_CWORD; at++)); do
    word="\${COMP_WORDS[at]}"
    [[ "$word" == "--" ]] && return
    if [[ "$word" == -* ]]; then
      [[ "$valued" == *" $word "* ]] && ((at++))
      continue
    fi
    longer="\${path:+$path }$word"
    case "$longer" in ${paths}) path="$longer"; _sluice_words "$path";; esac
  done
  case "$previous" in
${choiceLines.join("\n")}
  esac
  if [[ "$valued" == *" $previous "* ]]; then COMPREPLY=($(compgen -f -- "$current")); return; fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ \${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- "$current"))
}
complete -o filenames -F _sluice sluice`;
}

const names = (flag: { readonly word: string; readonly short: string | undefined }): readonly string[] =>
  flag.short === undefined ? [flag.word] : [`-${flag.short}`, flag.word];
