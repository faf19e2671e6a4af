import { Argument, Command } from "commander";
import { type Shell, shells } from "../completion/shells.js";
import { examples, type Runner } from "../verb.js";

/** `sluice completion`: a script that teaches a shell our words. `program` is asked for them when the verb runs. */
export function completionCommand(run: Runner, program: Command): Command {
  return new Command("completion")
    .description("print a completion script for a shell")
    .helpGroup("Other:")
    .addArgument(new Argument("<shell>").choices(shells))
    .addHelpText(
      "after",
      examples(
        "sluice completion bash > /etc/bash_completion.d/sluice",
        "sluice completion zsh > /usr/local/share/zsh/site-functions/_sluice",
        "sluice completion fish > ~/.config/fish/completions/sluice.fish",
      ),
    )
    .action(
      run(async (context, _options: object, shell: Shell) => {
        const { completionScript } = await import("../completion/script.js");
        context.output.data(completionScript(shell, program));
      }),
    );
}
