import { Command, Option } from "commander";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { facts, table } from "../output/table.js";
import { withApiFlags } from "../registry-api/api-flags.js";
import { type ApiFlags, callApi } from "../registry-api/registry-api.js";
import { type SelectedImage, selectedRepository } from "../registry-api/selected-image.js";
import { examples, type Runner } from "../verb.js";

interface Repository {
  readonly name: string;
  readonly streaming: "Active" | "Inactive";
}

interface RepositoryDetails extends Repository {
  readonly upstream?: string;
  readonly upstreamProblem?: string;
  readonly skipped: readonly {
    readonly digest: string;
    readonly tag?: string;
    readonly code: string;
    readonly message: string;
    readonly time: string;
  }[];
}

interface NamedFlags extends ApiFlags {
  readonly repository?: string;
}

interface UpdateFlags extends NamedFlags {
  readonly enableStreaming: "true" | "false";
}

/** The longest page of the API. */
const pageLength = 1000;

/** `sluice repo`: repositories of the registry. */
export function repoCommand(run: Runner): Command {
  const command = new Command("repo").description("repositories of the registry").helpGroup("Registry:");
  withName(command.command("show"))
    .description("whether a repository converts what is pushed into it, and what it skipped")
    .addHelpText("after", examples("sluice repo show app"))
    .action(run(show));
  withName(command.command("update"))
    .description("turn the conversion of what is pushed from now on on or off; what is there stays as it is")
    .addOption(
      new Option("--enable-streaming <what>", "convert what is pushed")
        .choices(["true", "false"])
        .makeOptionMandatory(),
    )
    .addHelpText("after", examples("sluice repo update app --enable-streaming true"))
    .action(run(update));
  withApiFlags(command.command("list"))
    .description("the repositories")
    .addHelpText("after", examples("sluice repo list"))
    .action(run(list));
  return command.addHelpText("after", examples("sluice repo show app", "sluice repo list"));
}

const withName = (command: Command): Command =>
  withApiFlags(command.argument("[name]", "the repository").option("--repository <name>", "the same, in other words"));

async function show(context: Context, flags: NamedFlags, name: string | undefined): Promise<void> {
  const { place, query } = named(context, flags, name);
  const found = await callApi<RepositoryDetails>(place, flags, "GET", `/repository?${query}`);
  context.output.result(found, describe);
}

async function update(context: Context, flags: UpdateFlags, name: string | undefined): Promise<void> {
  const { place, query } = named(context, flags, name);
  const streaming = flags.enableStreaming === "true" ? "Active" : "Inactive";
  const changed = await callApi<RepositoryDetails>(place, flags, "PATCH", `/repository?${query}`, { streaming });
  context.output.result(changed, describe);
}

async function list(context: Context, flags: ApiFlags): Promise<void> {
  const repositories: Repository[] = [];
  for (let last: string | undefined; ; last = repositories.at(-1)?.name) {
    const query = new URLSearchParams({ n: String(pageLength), ...(last !== undefined && { last }) });
    const page = await callApi<{ repositories: Repository[] }>(context, flags, "GET", `/repositories?${query}`);
    repositories.push(...page.repositories);
    if (page.repositories.length < pageLength) break;
  }
  context.output.result({ repositories }, () =>
    table(
      ["repository", "streaming"],
      repositories.map(({ name, streaming }) => [name, streaming]),
    ),
  );
}

function named(
  context: Context,
  flags: NamedFlags,
  name: string | undefined,
): { readonly place: SelectedImage["context"]; readonly query: URLSearchParams } {
  const text = name ?? flags.repository;
  if (text === undefined) throw new UsageError("say which repository");
  if (name !== undefined && flags.repository !== undefined && name !== flags.repository) {
    throw new UsageError(`which: ${name}, or --repository ${flags.repository}?`);
  }
  const { context: place, repository } = selectedRepository(context, text);
  return { place, query: new URLSearchParams({ name: repository }) };
}

function describe({ name, streaming, skipped, upstream, upstreamProblem }: RepositoryDetails): string {
  const settings = facts([
    ["REPOSITORY", name],
    ["STREAMING", streaming],
    ["UPSTREAM", upstream],
    ["PROBLEM", upstreamProblem],
  ]);
  if (skipped.length === 0) return settings;
  const rows = skipped.map((push) => [push.tag ?? push.digest, push.code, push.message, push.time]);
  return [settings, "", table(["skipped", "code", "why", "when"], rows)].join("\n");
}
