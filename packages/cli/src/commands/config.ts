import { Command } from "commander";
import type { Context } from "../context.js";
import { UsageError } from "../errors.js";
import { table } from "../output/table.js";
import { examples, type Runner } from "../verb.js";
import { softDeleteCommand } from "./soft-delete.js";

/** `sluice config`: what is set, by whom, and how to change it for good. */
export function configCommand(run: Runner): Command {
  const config = new Command("config").description("show and change the configuration").helpGroup("Other:");
  config
    .command("show")
    .description("every key that is set, and who set it")
    .addHelpText("after", examples("sluice config show"))
    .action(run(show));
  config
    .command("set")
    .description("write keys to the configuration file; an empty value removes the key")
    .argument("<key=value...>", "such as defaults.registry=127.0.0.1:5000")
    .addHelpText("after", examples("sluice config set defaults.registry=127.0.0.1:5000 store.budget=20GiB"))
    .action(run(set));
  config.addCommand(softDeleteCommand(run));
  return config.addHelpText(
    "after",
    examples("sluice config show", "sluice config set defaults.registry=127.0.0.1:5000"),
  );
}

async function show(context: Context): Promise<void> {
  const { configSchema, leafPathsOf } = await import("../config/schema.js");
  const { valueAt } = await import("../config/config-tree.js");
  const { withoutPassword } = await import("../config/without-password.js");
  const { settings, output } = context;
  const keys = leafPathsOf(configSchema()).flatMap((path) => {
    const value = valueAt(settings.tree, path);
    return value === undefined
      ? []
      : [
          {
            key: path.join("."),
            value: typeof value === "string" ? withoutPassword(value) : value,
            origin: settings.originOf(path),
          },
        ];
  });
  output.result({ root: settings.root, file: settings.configPath ?? null, keys }, ({ keys: shown }) =>
    table(
      ["key", "value", "set by"],
      shown.map(({ key, value, origin }) => [
        key,
        typeof value === "string" ? value : JSON.stringify(value),
        origin ?? "",
      ]),
    ),
  );
}

async function set(context: Context, _options: object, assignments: readonly string[]): Promise<void> {
  const { changeConfigFile } = await import("../config/change-config-file.js");
  const { userConfigPath, systemConfigPath } = await import("../config/config-file.js");
  const { surroundings, settings, output } = context;
  const path = settings.configPath ?? (surroundings.isRoot ? systemConfigPath : userConfigPath(surroundings));
  const keys = await changeConfigFile(path, assignments.map(parseAssignment));
  output.result({ file: path, keys }, ({ keys: changed }) =>
    changed.map((key) => `${key} changed in ${path}`).join("\n"),
  );
}

function parseAssignment(text: string): readonly [key: string, value: string] {
  const at = text.indexOf("=");
  if (at < 1) throw new UsageError(`config set: expected KEY=VALUE, got ${JSON.stringify(text)}`);
  return [text.slice(0, at), text.slice(at + 1)];
}
