import { Command } from "commander";
import type { Context } from "../context.js";
import { exitCodes } from "../exit-codes.js";
import { table } from "../output/table.js";
import { examples, type Runner } from "../verb.js";

/** `sluice node`: this machine as a node. */
export function nodeCommand(run: Runner): Command {
  const node = new Command("node").description("this machine as a node").helpGroup("Node:");
  node
    .command("check")
    .description("what this machine can do, and what would cure what it cannot")
    .addHelpText("after", examples("sluice node check", "sluice node check -o json"))
    .action(run(check));
  return node.addHelpText("after", examples("sluice node check"));
}

async function check(context: Context): Promise<number> {
  const { checkMachine } = await import("@sluice/snapshotter");
  const report = await checkMachine(context.surroundings.environment["PATH"]);
  context.output.result(report, ({ findings }) =>
    table(
      ["what", "here", "why"],
      findings.map(({ name, ok, detail }) => [name, ok ? "yes" : "no", detail]),
    ),
  );
  return report.ok ? exitCodes.done : exitCodes.failed;
}
