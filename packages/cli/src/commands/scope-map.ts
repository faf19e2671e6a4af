import { Command, InvalidArgumentError } from "commander";
import type { Context } from "../context.js";
import { table } from "../output/table.js";
import { withApiFlags } from "../registry-api/api-flags.js";
import { type ApiFlags, callApi } from "../registry-api/registry-api.js";
import { examples, type Runner } from "../verb.js";

interface Grant {
  readonly repository: string;
  readonly actions: readonly string[];
}

interface SetFlags extends ApiFlags {
  readonly repository: readonly Grant[];
}

/** `sluice scope-map`: what users and tokens may do. */
export function scopeMapCommand(run: Runner): Command {
  const command = new Command("scope-map").description("what users and tokens may do").helpGroup("Registry:");
  const example = "sluice scope-map set build --repository team/*=content/read,content/write";
  withApiFlags(command.command("set").argument("<name>"))
    .description("say what accounts with this scope map may do; what it said before is forgotten")
    .requiredOption(
      "--repository <pattern=actions>",
      "actions in repositories: content/read, content/write, content/delete, metadata/read, metadata/write; may be repeated",
      grantsOf,
    )
    .addHelpText("after", examples(example))
    .action(run(set));
  withApiFlags(command.command("list"))
    .description("the scope maps")
    .addHelpText("after", examples("sluice scope-map list"))
    .action(run(list));
  withApiFlags(command.command("delete").argument("<name>"))
    .description("remove a scope map; accounts that have it may do nothing then")
    .addHelpText("after", examples("sluice scope-map delete build"))
    .action(run(remove));
  return command.addHelpText("after", examples(example));
}

async function set(context: Context, flags: SetFlags, name: string): Promise<void> {
  await callApi(context, flags, "PUT", pathOf(name), { grants: flags.repository });
  context.output.result({ name, grants: flags.repository }, () => `${name} is set`);
}

async function list(context: Context, flags: ApiFlags): Promise<void> {
  const document = await callApi<{ scopeMaps: { name: string; grants: Grant[] }[] }>(
    context,
    flags,
    "GET",
    "/scope-maps",
  );
  context.output.result(document, ({ scopeMaps }) =>
    table(
      ["name", "repository", "actions"],
      scopeMaps.flatMap(({ name, grants }) =>
        grants.map(({ repository, actions }) => [name, repository, actions.join(" ")]),
      ),
    ),
  );
}

async function remove(context: Context, flags: ApiFlags, name: string): Promise<void> {
  await callApi(context, flags, "DELETE", pathOf(name));
  context.output.result({ name }, () => `${name} is removed`);
}

const pathOf = (name: string): string => `/scope-maps/${encodeURIComponent(name)}`;

function grantsOf(text: string, before: readonly Grant[] = []): readonly Grant[] {
  const [, repository, actions] = /^([^=]+)=([^=]+)$/.exec(text) ?? [];
  if (repository === undefined || actions === undefined)
    throw new InvalidArgumentError("expected PATTERN=ACTION,ACTION…");
  return [...before, { repository, actions: actions.split(",") }];
}
