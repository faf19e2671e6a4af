import type { Command } from "commander";
import { bashScript } from "./bash.js";
import { fishScript } from "./fish.js";
import type { Shell } from "./shells.js";
import { wordsOf } from "./words.js";
import { zshScript } from "./zsh.js";

/** The script that teaches `shell` every verb and flag of `program`. */
export function completionScript(shell: Shell, program: Command): string {
  const tree = wordsOf(program);
  switch (shell) {
    case "bash":
      return bashScript(tree);
    case "zsh":
      return zshScript(tree);
    case "fish":
      return fishScript(tree);
  }
}
