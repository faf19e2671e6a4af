import { Command } from "commander";
import type { Context } from "../context.js";
import { table } from "../output/table.js";
import { withApiFlags } from "../registry-api/api-flags.js";
import { type PageFlags, pageQuery, withPageFlags } from "../registry-api/page-flags.js";
import { callApi } from "../registry-api/registry-api.js";
import { examples, type Runner } from "../verb.js";

interface Activity {
  readonly id: string;
  readonly time: string;
  readonly actor: string;
  readonly action: string;
  readonly subject: string;
}

/** `sluice events`: who did what to a registry. */
export function eventsCommand(run: Runner): Command {
  const command = new Command("events").description("who did what to a registry").helpGroup("Registry:");
  withPageFlags(withApiFlags(command.command("list")))
    .description("pushes, imports, deletions and changes of settings, from the last to the first")
    .addHelpText("after", examples("sluice events list --limit 20"))
    .action(run(list));
  return command.addHelpText("after", examples("sluice events list"));
}

async function list(context: Context, flags: PageFlags): Promise<void> {
  const document = await callApi<{ events: Activity[] }>(context, flags, "GET", `/events?${pageQuery(flags)}`);
  context.output.result(document, ({ events }) =>
    table(
      ["id", "time", "actor", "action", "subject"],
      events.map(({ action, actor, id, subject, time }) => [id, time, actor, action, subject]),
    ),
  );
}
