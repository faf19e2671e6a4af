import { Command, InvalidArgumentError, Option } from "commander";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { bytes } from "../output/quantities.js";
import { table } from "../output/table.js";
import { withApiFlags } from "../registry-api/api-flags.js";
import { type ApiFlags, callApi } from "../registry-api/registry-api.js";
import { examples, type Runner } from "../verb.js";

interface Policy {
  readonly status: "enabled" | "disabled";
  readonly days: number;
}

interface PolicyFlags extends ApiFlags, Partial<Policy> {}

interface DeletedManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly tags: readonly string[];
  readonly deletedAt: string;
  readonly expiresAt: string;
}

type DeletedTag = Pick<DeletedManifest, "digest" | "deletedAt" | "expiresAt"> & { readonly tag: string };

interface NamedFlags extends ApiFlags {
  readonly name: string;
}

interface RestoreFlags extends NamedFlags {
  readonly digest?: string;
  readonly force?: boolean;
}

/** The longest page of the API. */
const pageLength = 1000;

/** `sluice config soft-delete`: whether what is deleted in a registry can be restored. */
export function softDeleteCommand(run: Runner): Command {
  const command = new Command("soft-delete").description("whether what is deleted in a registry can be restored");
  withApiFlags(command.command("update"))
    .description("turn it on or off, and say for how long")
    .addOption(new Option("--status <status>", "of what is deleted from now on").choices(["enabled", "disabled"]))
    .option("--days <n>", "1 to 90 (at first: 7); counts for what was deleted before, too", daysOf)
    .addHelpText("after", examples("sluice config soft-delete update --days 14 --status enabled"))
    .action(run(update));
  withApiFlags(command.command("show"))
    .description("how it is set")
    .addHelpText("after", examples("sluice config soft-delete show"))
    .action(run(showPolicy));
  return command.addHelpText("after", examples("sluice config soft-delete update --days 14 --status enabled"));
}

/** Adds `list-deleted`, `list-deleted-tags` and `restore` to `sluice manifest`. */
export function addDeletedManifestVerbs(command: Command, run: Runner): void {
  withApiFlags(command.command("list-deleted"))
    .description("manifests that can be restored; streaming artifacts cannot, they are made again")
    .requiredOption("-n, --name <repo>", "the repository")
    .addHelpText("after", examples("sluice manifest list-deleted -n app"))
    .action(run(listManifests));
  withApiFlags(command.command("list-deleted-tags"))
    .description("tags that can be put back")
    .requiredOption("-n, --name <repo>", "the repository")
    .addHelpText("after", examples("sluice manifest list-deleted-tags -n app"))
    .action(run(listTags));
  withApiFlags(command.command("restore"))
    .description(
      "bring back a deleted manifest with one tag; what refers to it, and the manifests of an index, are restored by themselves",
    )
    .requiredOption("-n, --name <repo[:tag]>", "the repository, and the tag to put back")
    .option("-d, --digest <digest>", "which manifest (default: what the tag pointed at last)")
    .option("-f, --force", "move the tag from another image")
    .addHelpText("after", examples("sluice manifest restore -n app:1"))
    .action(run(restore));
}

/** Adds `list-deleted` and `delete` to a command of repositories. */
export function repositoryCommand(run: Runner): Command {
  const command = new Command("repository").description("whole repositories of the registry").helpGroup("Registry:");
  withApiFlags(command.command("list-deleted"))
    .description("repositories with manifests that can be restored")
    .addHelpText("after", examples("sluice repository list-deleted"))
    .action(run(listRepositories));
  withApiFlags(command.command("delete").argument("<name>"))
    .description("delete all manifests and tags of a repository, streaming artifacts with them")
    .requiredOption("-y, --yes", "yes, all of them")
    .addHelpText("after", examples("sluice repository delete app --yes"))
    .action(run(deleteRepository));
  return command.addHelpText("after", examples("sluice repository list-deleted"));
}

async function update(context: Context, { days, status, ...flags }: PolicyFlags): Promise<void> {
  if (days === undefined && status === undefined) throw new UsageError("give --status, --days or both");
  const change = { ...(days !== undefined && { days }), ...(status !== undefined && { status }) };
  context.output.result(await callApi<Policy>(context, flags, "PATCH", "/settings/soft-delete", change), policyText);
}

async function showPolicy(context: Context, flags: ApiFlags): Promise<void> {
  context.output.result(await callApi<Policy>(context, flags, "GET", "/settings/soft-delete"), policyText);
}

const policyText = ({ days, status }: Policy): string => `soft delete is ${status}; what is deleted stays ${days} days`;

async function listManifests(context: Context, flags: NamedFlags): Promise<void> {
  const manifests = await all<DeletedManifest>(context, flags, "manifests", ({ digest }) => digest);
  context.output.result({ repository: flags.name, manifests }, () =>
    table(
      ["digest", "tags", "size", "deleted", "expires"],
      manifests.map((one) => [one.digest, one.tags.join(" "), bytes(one.sizeBytes), one.deletedAt, one.expiresAt]),
    ),
  );
}

async function listTags(context: Context, flags: NamedFlags): Promise<void> {
  const tags = await all<DeletedTag>(context, flags, "tags", ({ digest, tag }) => `${tag}@${digest}`);
  context.output.result({ repository: flags.name, tags }, () =>
    table(
      ["tag", "digest", "deleted", "expires"],
      tags.map(({ deletedAt, digest, expiresAt, tag }) => [tag, digest, deletedAt, expiresAt]),
    ),
  );
}

/** Page after page. */
async function all<T>(
  context: Context,
  flags: NamedFlags,
  what: "manifests" | "tags",
  keyOf: (one: T) => string,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (let last: string | undefined; ; ) {
    const query = new URLSearchParams({ repository: flags.name, n: String(pageLength) });
    if (last !== undefined) query.set("last", last);
    const page = await callApi<{ [name: string]: T[] }>(context, flags, "GET", `/deleted-${what}?${query}`);
    const items = page[what] ?? [];
    found.push(...items);
    const end = items.at(-1);
    if (items.length < pageLength || end === undefined) return found;
    last = keyOf(end);
  }
}

async function restore(context: Context, flags: RestoreFlags): Promise<void> {
  const colon = flags.name.lastIndexOf(":");
  const [repository, tag] = colon < 0 ? [flags.name] : [flags.name.slice(0, colon), flags.name.slice(colon + 1)];
  if (tag === undefined && flags.digest === undefined)
    throw new UsageError("name a tag (-n REPO:TAG) or a digest (-d)");
  const restored = await callApi<{ repository: string; digest: string }>(context, flags, "POST", "/restorations", {
    repository,
    force: flags.force === true,
    ...(tag !== undefined && { tag }),
    ...(flags.digest !== undefined && { digest: flags.digest }),
  });
  context.output.result(restored, ({ digest }) => `${flags.name} is ${digest}`);
  context.output.note(
    `its streaming artifact went for good: \`sluice convert ${flags.name} --on-server\` makes it again`,
  );
}

async function listRepositories(context: Context, flags: ApiFlags): Promise<void> {
  const found = await callApi<{ repositories: string[] }>(context, flags, "GET", "/deleted-repositories");
  context.output.result(found, ({ repositories }) => repositories.join("\n"));
}

async function deleteRepository(context: Context, flags: ApiFlags, name: string): Promise<void> {
  const query = new URLSearchParams({ name });
  const done = await callApi<{ deletedManifests: number }>(context, flags, "DELETE", `/repository?${query}`);
  context.output.result(
    { name, ...done },
    ({ deletedManifests }) => `${deletedManifests} manifests of ${name} are deleted`,
  );
}

function daysOf(text: string): number {
  if (!/^[1-9]\d?$/.test(text) || Number(text) > 90) throw new InvalidArgumentError("expected 1 to 90");
  return Number(text);
}
