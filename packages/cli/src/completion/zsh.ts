import { bashScript } from "./bash.js";
import type { CommandWords } from "./words.js";

/** A script for zsh, which runs bash's through its own `bashcompinit`. */
export function zshScript(tree: readonly CommandWords[]): string {
  return `#compdef sluice
autoload -U +X compinit && compinit -u
autoload -U +X bashcompinit && bashcompinit
${bashScript(tree)}`;
}
