import { Command, InvalidArgumentError } from "commander";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { table } from "../output/table.js";
import { withApiFlags } from "../registry-api/api-flags.js";
import { type PageFlags, pageQuery, withPageFlags } from "../registry-api/page-flags.js";
import { readStdin } from "../registry-api/password.js";
import { type ApiFlags, callApi } from "../registry-api/registry-api.js";
import { examples, type Runner } from "../verb.js";

interface Webhook {
  readonly name: string;
  readonly actions: readonly string[];
  readonly scope: string;
  readonly status: "enabled" | "disabled";
}

interface Config {
  readonly url: string;
  readonly headers: readonly string[];
  readonly hasSecret: boolean;
}

interface Event {
  readonly id: string;
  readonly action: string;
  readonly image: string;
  readonly timestamp: string;
  readonly attempts: number;
  readonly httpStatus?: number;
  readonly error?: string;
  readonly state: string;
}

interface Settings extends ApiFlags {
  readonly uri?: string;
  readonly actions?: readonly string[];
  readonly scope?: string;
  readonly status?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly headersStdin?: boolean;
  readonly secret?: string;
}

/** Many headers, and far less than the registry takes. */
const maxHeadersBytes = 64 * 1024;

/** `sluice webhook`: who is told of what happens in a registry. */
export function webhookCommand(run: Runner): Command {
  const command = new Command("webhook")
    .description("who is told of what happens in a registry")
    .helpGroup("Registry:");
  const example = "sluice webhook create ci --uri https://ci.example.com/hook --actions push delete --scope 'app:*'";
  withSettings(command.command("create").argument("<name>"), true)
    .description("make a webhook; its headers and its secret are shown to nobody afterwards")
    .addHelpText("after", examples(example))
    .action(run(create));
  withSettings(command.command("update").argument("<name>"), false)
    .description("change what is given; headers take the place of all before")
    .addHelpText("after", examples("sluice webhook update ci --status disabled"))
    .action(run(update));
  const verbs: readonly (readonly [
    string,
    string,
    (context: Context, flags: ApiFlags, name: string) => Promise<void>,
  ])[] = [
    ["show", "one webhook", show],
    ["delete", "remove a webhook, what it was not told yet, and its history", remove],
    ["ping", "send it a ping; `list-events` tells what became of it", ping],
    ["get-config", "where it leads, without what is secret of it", getConfig],
  ];
  for (const [verb, description, work] of verbs) {
    withApiFlags(command.command(verb).argument("<name>"))
      .description(description)
      .addHelpText("after", examples(`sluice webhook ${verb} ci`))
      .action(run(work));
  }
  withPageFlags(withApiFlags(command.command("list-events").argument("<name>")))
    .description("what it was told, from the last to the first, and what it answered")
    .addHelpText("after", examples("sluice webhook list-events ci"))
    .action(run(listEvents));
  withApiFlags(command.command("list"))
    .description("the webhooks")
    .addHelpText("after", examples("sluice webhook list"))
    .action(run(list));
  return command.addHelpText("after", examples(example, "sluice webhook ping ci"));
}

function withSettings(command: Command, isNew: boolean): Command {
  const required = (flags: string, description: string): Command =>
    isNew ? command.requiredOption(flags, description) : command.option(flags, description);
  required("--uri <url>", "where events are sent, by POST");
  required("--actions <action...>", "push, delete, convert");
  return withApiFlags(command)
    .option("--scope <what>", "REPOSITORY:TAG, REPOSITORY:* or * (default: *)")
    .option("--status <status>", "enabled or disabled")
    .option(
      "--headers <name=value...>",
      "sent with each event, such as Authorization; others on this machine can see them: better --headers-stdin",
      headersOf,
    )
    .option("--headers-stdin", "read headers from stdin, NAME=VALUE on each line")
    .option(
      "--secret <text>",
      "signs each event: X-Sluice-Signature is sha256= and the HMAC of the body; others on this machine can see it: better SLUICE_WEBHOOK_SECRET",
    );
}

async function settingsOf(context: Context, flags: Settings): Promise<object> {
  const { actions, scope, status, uri: url } = flags;
  const headers = flags.headersStdin === true ? await headersFromStdin(flags) : flags.headers;
  // Without what is undefined.
  return JSON.parse(
    JSON.stringify({ actions, headers, scope, secret: secretOf(context, flags), status, url }),
  ) as object;
}

/** In the arguments every user of the machine could read it. */
const secretOf = (context: Context, { secret }: Settings): string | undefined =>
  secret ?? context.surroundings.environment["SLUICE_WEBHOOK_SECRET"];

async function create(context: Context, flags: Settings, name: string): Promise<void> {
  const made = await callApi<Webhook>(context, flags, "POST", "/webhooks", {
    name,
    ...(await settingsOf(context, flags)),
  });
  context.output.result(made, (webhook) => webhooksTable([webhook]));
}

async function update(context: Context, flags: Settings, name: string): Promise<void> {
  const changed = await callApi<Webhook>(context, flags, "PATCH", pathOf(name), await settingsOf(context, flags));
  context.output.result(changed, (webhook) => webhooksTable([webhook]));
}

async function list(context: Context, flags: ApiFlags): Promise<void> {
  const document = await callApi<{ webhooks: Webhook[] }>(context, flags, "GET", "/webhooks");
  context.output.result(document, ({ webhooks }) => webhooksTable(webhooks));
}

async function show(context: Context, flags: ApiFlags, name: string): Promise<void> {
  const found = await callApi<Webhook>(context, flags, "GET", pathOf(name));
  context.output.result(found, (webhook) => webhooksTable([webhook]));
}

async function remove(context: Context, flags: ApiFlags, name: string): Promise<void> {
  await callApi(context, flags, "DELETE", pathOf(name));
  context.output.result({ name }, () => `${name} is removed`);
}

async function ping(context: Context, flags: ApiFlags, name: string): Promise<void> {
  context.output.result(await callApi<{ id: string }>(context, flags, "POST", `${pathOf(name)}/ping`), ({ id }) => id);
}

async function getConfig(context: Context, flags: ApiFlags, name: string): Promise<void> {
  const config = await callApi<Config>(context, flags, "GET", `${pathOf(name)}/config`);
  context.output.result(config, ({ hasSecret, headers, url }) =>
    table(["uri", "headers", "secret"], [[url, headers.join(" "), hasSecret ? "yes" : "no"]]),
  );
}

async function listEvents(context: Context, flags: PageFlags, name: string): Promise<void> {
  const document = await callApi<{ events: Event[] }>(
    context,
    flags,
    "GET",
    `${pathOf(name)}/events?${pageQuery(flags)}`,
  );
  context.output.result(document, ({ events }) =>
    table(
      ["id", "action", "image", "http status", "timestamp", "state"],
      events.map(({ action, error, httpStatus, id, image, state, timestamp }) => [
        id,
        action,
        image,
        httpStatus === undefined ? (error ?? "") : String(httpStatus),
        timestamp,
        state,
      ]),
    ),
  );
}

const webhooksTable = (webhooks: readonly Webhook[]): string =>
  table(
    ["name", "actions", "scope", "status"],
    webhooks.map(({ actions, name, scope, status }) => [name, actions.join(" "), scope, status]),
  );

const pathOf = (name: string): string => `/webhooks/${encodeURIComponent(name)}`;

function headersOf(text: string, before: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError("expected NAME=VALUE");
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

/** Beside those of the arguments. The lines are secrets: what is wrong with one, nobody repeats. */
async function headersFromStdin({ headers, passwordStdin }: Settings): Promise<Record<string, string>> {
  if (passwordStdin === true)
    throw new UsageError("stdin is one: give --headers-stdin, and the password in SLUICE_PASSWORD");
  const lines = (await readStdin("list of headers", maxHeadersBytes)).split(/\r?\n/).filter((line) => line !== "");
  if (lines.length === 0) throw new UsageError("--headers-stdin: stdin holds no headers");
  if (lines.some((line) => line.indexOf("=") < 1))
    throw new UsageError("--headers-stdin: expected NAME=VALUE on each line of stdin");
  return lines.reduce<Record<string, string>>((before, line) => headersOf(line, before), { ...headers });
}
