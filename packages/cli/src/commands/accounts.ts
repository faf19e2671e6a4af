import { Command, InvalidArgumentError } from "commander";
import type { Context } from "../context.js";
import { table } from "../output/table.js";
import { withApiFlags } from "../registry-api/api-flags.js";
import { type ApiFlags, callApi } from "../registry-api/registry-api.js";
import { examples, type Runner } from "../verb.js";

interface Account {
  readonly name: string;
  readonly kind: "user" | "token";
  readonly isAdmin: boolean;
  readonly scopeMap?: string;
  readonly isDisabled: boolean;
}

interface CreateFlags extends ApiFlags {
  readonly admin?: boolean;
  readonly scopeMap?: string;
}

interface PasswordFlags extends ApiFlags {
  readonly place: 1 | 2;
  readonly expires?: string;
}

/** `sluice user`: people who may log in to the registry. */
export const userCommand = (run: Runner): Command =>
  accountCommand(run, "user", "people who may log in to the registry");
/** `sluice token`: programs that may log in to the registry. */
export const tokenCommand = (run: Runner): Command =>
  accountCommand(run, "token", "programs that may log in to the registry");

function accountCommand(run: Runner, kind: Account["kind"], description: string): Command {
  const command = new Command(kind).description(description).helpGroup("Registry:");
  withApiFlags(command.command("create").argument("<name>"))
    .description(`make a ${kind}; its password is shown this once`)
    .option("--scope-map <name>", "what it may do (see `sluice scope-map`)")
    .option("--admin", "it may do everything, and manage the registry")
    .addHelpText("after", examples(`sluice ${kind} create ci --scope-map build`))
    .action(run((context: Context, flags: CreateFlags, name: string) => create(context, flags, kind, name)));
  withApiFlags(command.command("list"))
    .description(`the ${kind}s, without their passwords`)
    .addHelpText("after", examples(`sluice ${kind} list`))
    .action(run((context: Context, flags: ApiFlags) => list(context, flags, kind)));
  withApiFlags(command.command("renew").argument("<name>"))
    .description("make a new password in one of two places; the one that was there ends")
    .option("--place <n>", "1 or 2", placeOf, 1)
    .option("--expires <time>", "RFC 3339, such as 2030-01-01T00:00:00Z")
    .addHelpText("after", examples(`sluice ${kind} renew ci --place 2`))
    .action(run(renew));
  for (const [verb, isDisabled] of [
    ["disable", true],
    ["enable", false],
  ] as const) {
    withApiFlags(command.command(verb).argument("<name>"))
      .description(isDisabled ? "let it log in no more" : "let it log in again")
      .addHelpText("after", examples(`sluice ${kind} ${verb} ci`))
      .action(run((context: Context, flags: ApiFlags, name: string) => setDisabled(context, flags, name, isDisabled)));
  }
  withApiFlags(command.command("delete").argument("<name>"))
    .description(`remove a ${kind}`)
    .addHelpText("after", examples(`sluice ${kind} delete ci`))
    .action(run(remove));
  return command.addHelpText("after", examples(`sluice ${kind} create ci --scope-map build`, `sluice ${kind} list`));
}

async function create(context: Context, flags: CreateFlags, kind: Account["kind"], name: string): Promise<void> {
  const made = await callApi<{ name: string; password: string }>(context, flags, "POST", "/accounts", {
    name,
    kind,
    isAdmin: flags.admin === true,
    ...(flags.scopeMap !== undefined && { scopeMap: flags.scopeMap }),
  });
  context.output.result(made, ({ password }) => password);
}

async function list(context: Context, flags: ApiFlags, kind: Account["kind"]): Promise<void> {
  const { accounts } = await callApi<{ accounts: Account[] }>(context, flags, "GET", "/accounts");
  const shown = accounts.filter((account) => account.kind === kind);
  context.output.result({ [`${kind}s`]: shown }, () =>
    table(
      ["name", "may", "state"],
      shown.map(({ name, isAdmin, scopeMap, isDisabled }) => [
        name,
        isAdmin ? "everything" : (scopeMap ?? "nothing"),
        isDisabled ? "disabled" : "enabled",
      ]),
    ),
  );
}

async function renew(context: Context, flags: PasswordFlags, name: string): Promise<void> {
  const made = await callApi<{ name: string; password: string }>(context, flags, "POST", `${pathOf(name)}/passwords`, {
    place: flags.place,
    ...(flags.expires !== undefined && { expiresAt: flags.expires }),
  });
  context.output.result(made, ({ password }) => password);
}

async function setDisabled(context: Context, flags: ApiFlags, name: string, isDisabled: boolean): Promise<void> {
  await callApi(context, flags, "PATCH", pathOf(name), { isDisabled });
  context.output.result({ name, isDisabled }, () => `${name} is ${isDisabled ? "disabled" : "enabled"}`);
}

async function remove(context: Context, flags: ApiFlags, name: string): Promise<void> {
  await callApi(context, flags, "DELETE", pathOf(name));
  context.output.result({ name }, () => `${name} is removed`);
}

const pathOf = (name: string): string => `/accounts/${encodeURIComponent(name)}`;

function placeOf(text: string): 1 | 2 {
  if (text === "1") return 1;
  if (text === "2") return 2;
  throw new InvalidArgumentError("expected 1 or 2");
}
